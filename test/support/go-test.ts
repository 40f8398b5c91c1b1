import { spawn } from 'node:child_process';
import { once } from 'node:events';

/** Most of it is for compiling everything for the first time. Unit: milliseconds. */
export const goTestLimit = 14 * 60_000;

export interface GoTestOptions {
  /** Of the module. */
  folder: string;
  /** What is Go about it, for the error when Go is missing. */
  what: string;
  env?: Record<string, string>;
}

/** Runs the tests of a Go module. @throws Error when Go is missing */
export async function goTest({
  folder,
  what,
  env,
}: GoTestOptions): Promise<{ code: unknown; output: string }> {
  // -trimpath, so that packages compiled for the daprd build are taken from Go's cache.
  const args = ['test', '-trimpath', '-vet=off', '-count=1', '-timeout=13m', '-v', './...'];
  const child = spawn('go', args, {
    cwd: folder,
    env: { ...process.env, GOWORK: 'off', ...env },
    timeout: goTestLimit,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  }
  const failed = once(child, 'error').then(() => {
    throw new Error(`${what}: install Go 1.26 or later from go.dev`);
  });
  const [code] = await Promise.race([once(child, 'close'), failed]);
  return { code, output };
}
