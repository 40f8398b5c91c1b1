import { copyFile, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type GoBuildProgress, type GoModule, runGo } from './go-build.ts';

/** A change of one line in a module that others are built from. */
export interface GoPatch {
  /** Path of the module, such as `github.com/dapr/dapr`. */
  module: string;
  /** File to change, relative to the module. */
  file: string;
  /** The line without the blanks around it. The file must have it exactly once. */
  line: string;
  replacement: string;
}

/**
 * Makes a Go module like the given one in which a required module is replaced by a changed copy.
 * A copy is needed because Go's module cache is read-only and Go does not overlay it.
 *
 * @param module its `workFolder` receives both, for the caller to delete
 * @returns the folder of the new Go module
 * @throws Error when the file does not have the line exactly once
 * @throws GoBuildError when the module cannot be downloaded
 * @throws InterruptedError
 */
export async function patchModule(
  module: GoModule,
  patch: GoPatch,
  onProgress: (progress: GoBuildProgress) => void,
): Promise<string> {
  const { folder, workFolder } = module;
  const answer = await runGo(module, ['mod', 'download', '-json', patch.module], onProgress);
  const { Dir: original } = JSON.parse(answer) as { Dir: string };
  const source = await readFile(join(original, patch.file), 'utf8');
  const changed = replaceLine(source, patch);

  const copy = join(workFolder, 'patched');
  await copyTree(original, copy);
  await writeFile(join(copy, patch.file), changed);

  const target = join(workFolder, 'module');
  await mkdir(target);
  const pins = await readFile(join(folder, 'go.mod'), 'utf8');
  await writeFile(join(target, 'go.mod'), `${pins}\nreplace ${patch.module} => ${copy}\n`);
  await copyFile(join(folder, 'go.sum'), join(target, 'go.sum'));
  return target;
}

/** @throws Error when the source does not have the line exactly once */
export function replaceLine(source: string, { module, file, line, replacement }: GoPatch): string {
  const lines = source.split('\n');
  const found = lines.flatMap((text, index) => (text.trim() === line ? [index] : []));
  const [index] = found;
  if (found.length !== 1 || index === undefined) {
    throw new Error(
      `${file} of ${module} has the line \`${line}\` ${found.length} times where the change to ` +
        `\`${replacement}\` expects it once: adapt the change in tools/catalogue.ts to this version`,
    );
  }
  return lines.with(index, lines[index]?.replace(line, () => replacement) ?? '').join('\n');
}

/** Copies regular files. Unlike the files of Go's module cache, the copies are writable. */
async function copyTree(from: string, to: string): Promise<void> {
  await mkdir(to);
  for (const entry of await readdir(from, { withFileTypes: true })) {
    const [source, target] = [join(from, entry.name), join(to, entry.name)];
    if (entry.isDirectory()) await copyTree(source, target);
    else if (entry.isFile()) await writeFile(target, await readFile(source));
  }
}
