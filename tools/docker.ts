import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

/** A Docker command may take so long: the longest builds an image. Unit: milliseconds. */
const commandLimit = 10 * 60_000;

const mostOutput = 64 * 1024 * 1024;

export interface DockerOptions {
  /** Unit: milliseconds. */
  limit?: number;
  env?: NodeJS.ProcessEnv;
}

/**
 * Runs the `docker` command.
 *
 * @returns what it printed, without the last line break
 * @throws Error with what it said instead
 */
export async function docker(args: string[], options: DockerOptions = {}): Promise<string> {
  const { limit = commandLimit, env = {} } = options;
  try {
    const { stdout } = await promisify(execFile)('docker', args, {
      env: { ...process.env, ...env },
      timeout: limit,
      maxBuffer: mostOutput,
    });
    return stdout.trimEnd();
  } catch (error) {
    const {
      stdout = '',
      stderr = '',
      message,
    } = error as Error & Record<'stdout' | 'stderr', string>;
    const said = `${stdout}\n${stderr}`.trim().slice(-4_000);
    throw new Error(`docker ${args.slice(0, 2).join(' ')} failed: ${said || message}`, {
      cause: error,
    });
  }
}

/** Whether the engine has an image of that name. */
export async function hasImage(name: string): Promise<boolean> {
  return docker(['image', 'inspect', name]).then(
    () => true,
    () => false,
  );
}
