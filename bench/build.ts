import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { goBuild } from '../tools/go-build.ts';
import { cacheRoot, findOnPath } from '../tools/search.ts';

/** Builds the Go commands of the bench from their source; without changes that takes a second. */
export async function buildCommands(
  say: (line: string) => void,
): Promise<{ load: string; peer: string }> {
  const go = await findOnPath('go', process.env);
  if (!go) throw new Error('the bench is partly written in Go: install Go (https://go.dev/dl/)');
  const folder = join(cacheRoot({}), 'bench');
  await mkdir(folder, { recursive: true });
  const built = { load: join(folder, 'load'), peer: join(folder, 'peer') };
  for (const [name, output] of Object.entries(built)) {
    const workFolder = await mkdtemp(join(folder, 'build-'));
    let next = 15_000;
    try {
      await goBuild(
        {
          go,
          folder: join(import.meta.dirname, 'go'),
          packagePath: `./${name}`,
          flags: [],
          output,
          workFolder,
          env: process.env,
        },
        ({ elapsedMs, downloaded, compiled }) => {
          if (elapsedMs < next) return;
          next += 15_000;
          const seconds = Math.round(elapsedMs / 1000);
          say(`building ${name}: ${seconds} s, ${downloaded} modules, ${compiled} packages`);
        },
      );
    } finally {
      await rm(workFolder, { recursive: true, force: true, maxRetries: 5 });
    }
  }
  return built;
}

/** Compiles this component to JavaScript, and returns the path of its program. */
export async function buildComponent(): Promise<string> {
  const root = join(import.meta.dirname, '..');
  const compiler = join(root, 'node_modules/typescript/bin/tsc');
  const options = ['-p', join(root, 'tsconfig.build.json')];
  await promisify(execFile)(process.execPath, [compiler, ...options]);
  return join(root, 'dist/main.js');
}
