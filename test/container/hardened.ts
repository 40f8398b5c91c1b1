import { randomUUID } from 'node:crypto';
import { GenericContainer, type StartedTestContainer } from 'testcontainers';
import { docker } from '../../tools/docker.ts';
import { componentImage } from './images.ts';

/** A container as the manifests run it: read-only and without any capability. */
export class Hardened extends GenericContainer {
  constructor(image = componentImage) {
    super(image);
    this.hostConfig.ReadonlyRootfs = true;
    this.withDroppedCapabilities('ALL');
    this.withSecurityOpt('no-new-privileges:true');
  }
}

/** A container that Docker starts again whenever it ends by itself. */
export class Restarted extends GenericContainer {
  constructor(image: string) {
    super(image);
    this.hostConfig.RestartPolicy = { Name: 'always', MaximumRetryCount: 0 };
  }
}

/** A volume of a test's own, for the socket. */
export async function volume(): Promise<{ name: string } & AsyncDisposable> {
  const name = `dnj-test-${randomUUID()}`;
  await docker(['volume', 'create', name]);
  return {
    name,
    async [Symbol.asyncDispose]() {
      await docker(['volume', 'rm', '--force', name]);
    },
  };
}

/** All that a container has said, over its restarts. */
export function logs(container: StartedTestContainer): Promise<string> {
  return docker(['logs', container.getId()]);
}
