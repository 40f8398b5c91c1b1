import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { docker } from '../../tools/docker.ts';
import { type LocalImages, localImages } from '../../tools/local-images.ts';

export const root = join(import.meta.dirname, '../..');
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

export const componentImage = `dapr-nats-jetstream:${version}`;
export const ordersImage = `dapr-nats-jetstream-orders:${version}`;

/** What everything else stands on, made once. */
let made: Promise<LocalImages> | undefined;

export function images(): Promise<LocalImages> {
  made ??= localImages();
  return made;
}

/**
 * Builds an image by the command that the documentation gives. Where node:24-slim cannot be pulled it
 * stands on this machine's own Node, and reaches npm's registry through this machine's network.
 */
async function build(command: string): Promise<void> {
  const [program, ...args] = command.split(' ');
  if (program !== 'docker') throw new Error(`not a docker command: ${command}`);
  const { BASE_IMAGE } = await images();
  const local = ['--build-arg', `BASE_IMAGE=${BASE_IMAGE}`, '--network', 'host'];
  const [verb = '', ...rest] = args;
  await promisify(execFile)('docker', [verb, '--quiet', ...local, ...rest], {
    cwd: root,
    timeout: 10 * 60_000,
    // Debian's engine comes without the newer builder; both take this Dockerfile.
    env: { ...process.env, DOCKER_BUILDKIT: '0' },
  });
}

/** Builds what a page has its reader build. */
export async function buildAsIn(page: string): Promise<void> {
  for (const command of documented(page, 'docker build ')) await build(command);
}

/** The commands of a page that begin so. */
export function documented(page: string, start: string): string[] {
  const text = readFileSync(join(root, page), 'utf8');
  return text.split('\n').filter((line) => line.startsWith(start));
}

export async function inspectImage(name: string) {
  return JSON.parse(await docker(['image', 'inspect', name]))[0];
}
