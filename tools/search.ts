import { access, constants, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { delimiter, isAbsolute, join, resolve } from 'node:path';
import { type Binary, type BinaryName, catalogue } from './catalogue.ts';
import { type GoPin, readGoPin } from './go-module.ts';

/** Whose machine is searched. Tests pass their own; the default is this process's. */
export interface Surroundings {
  env?: NodeJS.ProcessEnv;
  home?: string;
}

/** A binary cannot be had; the message tells a person what to do about it. */
export class MissingBinaryError extends Error {
  override name = 'MissingBinaryError';
}

/** All that is known before looking for a binary. */
export interface Search extends GoPin, Binary {
  name: BinaryName;
  env: NodeJS.ProcessEnv;
  home: string;
  /** Folder of the Go module that pins the binary. */
  moduleFolder: string;
  /** Folder, possibly absent, that holds the binary once it has been built. */
  cacheFolder: string;
}

export async function startSearch(name: BinaryName, where: Surroundings): Promise<Search> {
  const { env = process.env, home = homedir() } = where;
  const binary = catalogue[name];
  const moduleFolder = join(import.meta.dirname, binary.module);
  const pin = await readGoPin(moduleFolder);
  const cacheFolder = join(cacheRoot({ env, home }), `${name}-${pin.version}`);
  return { name, env, home, moduleFolder, cacheFolder, ...binary, ...pin };
}

/** Folder, possibly absent, for what is built: outside every checkout, so that all share it. */
export function cacheRoot({ env = process.env, home = homedir() }: Surroundings): string {
  // The XDG specification has relative paths ignored.
  const xdg = isAbsolute(env.XDG_CACHE_HOME ?? '') ? env.XDG_CACHE_HOME : undefined;
  return resolve(
    env.DAPR_NATS_JETSTREAM_CACHE || join(xdg ?? join(home, '.cache'), 'dapr-nats-jetstream'),
  );
}

/**
 * Looks in the environment variable, then on PATH, in ~/.dapr/bin and in the cache; of PATH and
 * ~/.dapr/bin, which may have any version, only where any version will do.
 *
 * @throws MissingBinaryError when the variable holds something that is not executable: to fall
 *   through would run another binary than the one that was asked for
 */
export async function find(search: Search): Promise<string | undefined> {
  const { name, variable, env, home, cacheFolder } = search;
  const explicit = env[variable];
  if (explicit) {
    const path = resolve(explicit);
    if (await isExecutable(path)) return path;
    throw new MissingBinaryError(
      `${variable} is set to ${explicit}, which is not an executable file: ` +
        `correct it, or unset it to have ${name} looked for elsewhere`,
    );
  }
  if (!search.install) return findIn([cacheFolder], name);
  return (
    (await findOnPath(name, env)) ?? (await findIn([join(home, '.dapr', 'bin'), cacheFolder], name))
  );
}

/** Relative folders on PATH are left out: they mean another folder to each process. */
export function findOnPath(command: string, env: NodeJS.ProcessEnv): Promise<string | undefined> {
  const folders = (env.PATH ?? '').split(delimiter).filter((folder) => isAbsolute(folder));
  return findIn(folders, command);
}

export async function findIn(
  folders: readonly string[],
  command: string,
): Promise<string | undefined> {
  for (const folder of folders) {
    const path = join(folder, command);
    if (await isExecutable(path)) return path;
  }
  return undefined;
}

async function isExecutable(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
    return (await stat(path)).isFile();
  } catch {
    return false;
  }
}
