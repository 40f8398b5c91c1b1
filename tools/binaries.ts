import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { BinaryName } from './catalogue.ts';
import { buildLimitMs, type GoBuildProgress, goBuild, InterruptedError } from './go-build.ts';
import { patchModule } from './go-patch.ts';
import { acquireLock } from './lock.mjs';
import {
  find,
  findIn,
  findOnPath,
  MissingBinaryError,
  type Search,
  type Surroundings,
  startSearch,
} from './search.ts';

export { type BinaryName, InterruptedError, MissingBinaryError, type Surroundings };

export interface BuildProgress extends GoBuildProgress {
  name: BinaryName;
  version: string;
  /** `waiting`: another process is building the same binary; its counts are not known here. */
  phase: 'waiting' | 'building' | 'built' | 'failed';
}

export interface EnsureOptions extends Surroundings {
  /** Called only when there is something to build: at the start, every second, at the end. */
  onProgress?: (progress: BuildProgress) => void;
}

/**
 * Finds a binary without ever building it: the path in its environment variable, else PATH, else
 * ~/.dapr/bin, else the cache. Whatever is found outside the cache is the user's own and is
 * accepted in any version. A binary that exists for its version's sake, such as `daprd-1.12`, is
 * looked for in its variable and in the cache alone.
 *
 * @returns the absolute path of an executable file
 * @throws MissingBinaryError when there is none, or the variable holds a path that is not one
 */
export async function resolveBinary(name: BinaryName, options: Surroundings = {}): Promise<string> {
  const search = await startSearch(name, options);
  const found = await find(search);
  if (found) return found;
  const way = `run \`node tools/setup.mjs ${name}\`, which builds it with ${goOf(search)}`;
  throw missing(search, 'was not found', way);
}

/**
 * Like `resolveBinary`, but builds the pinned version into the cache when the binary is absent.
 * Of several processes that want the same binary, one builds and the others wait for it.
 *
 * @throws MissingBinaryError also when Go is absent or its build fails
 * @throws InterruptedError when SIGINT, SIGTERM or SIGHUP came during the build; by then the
 *   build is stopped and cleaned up, and it is the caller's part to end the process
 */
export async function ensureBinary(name: BinaryName, options: EnsureOptions = {}): Promise<string> {
  const search = await startSearch(name, options);
  const found = await find(search);
  if (found) return found;
  const go = await findOnPath('go', search.env);
  if (!go) {
    const way = `install ${goOf(search)} and repeat the command, which then builds it`;
    throw missing(search, 'was not found, and Go is not on PATH to build it', way);
  }
  let last: GoBuildProgress = { elapsedMs: 0, downloaded: 0, compiled: 0 };
  const report = (phase: BuildProgress['phase'], progress = last) => {
    last = progress;
    options.onProgress?.({ ...progress, name, version: search.version, phase });
  };
  try {
    return await buildOnce(search, go, report);
  } catch (error) {
    report('failed');
    if (error instanceof InterruptedError) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    const way = `correct what is said above and repeat the command; it needs ${goOf(search)}`;
    throw missing(search, `could not be built into ${search.cacheFolder}:\n  ${reason}\n`, way);
  }
}

type Report = (phase: BuildProgress['phase'], progress?: GoBuildProgress) => void;

/** Builds under a lock, unless whoever held the lock before has built already. */
async function buildOnce(search: Search, go: string, report: Report): Promise<string> {
  const { name, cacheFolder } = search;
  await mkdir(cacheFolder, { recursive: true });
  const unlock = await acquireLock(`${cacheFolder}.lock`, {
    // Go, then the trial run, then some slack.
    holdMs: buildLimitMs + 2 * trialLimitMs,
    onWait: () => report('waiting'),
  });
  try {
    const built = await findIn([cacheFolder], name);
    if (built) return built;
    const path = await build(search, go, report);
    report('built');
    return path;
  } finally {
    unlock();
  }
}

const trialLimitMs = 30_000;
const unfinished = 'unfinished-';

/** Builds beside the final path and renames, so that a half-written binary is never found. */
async function build(search: Search, go: string, report: Report): Promise<string> {
  const { name, version, env, cacheFolder, moduleFolder, packagePath, patch } = search;
  for (const entry of await readdir(cacheFolder)) {
    // Left by a build that was killed outright; the lock says that nobody is using it now.
    if (entry.startsWith(unfinished)) await remove(join(cacheFolder, entry));
  }
  const workFolder = await mkdtemp(join(cacheFolder, unfinished));
  try {
    const output = join(workFolder, name);
    const flags = search.flags(version);
    const onProgress = (progress: GoBuildProgress) => report('building', progress);
    const module = { go, folder: moduleFolder, workFolder, env };
    const folder = patch ? await patchModule(module, patch, onProgress) : moduleFolder;
    await goBuild({ ...module, folder, packagePath, flags, output }, onProgress);
    // A GOOS or GOARCH in the environment yields a binary that is of no use here.
    await promisify(execFile)(output, ['--version'], { env, timeout: trialLimitMs });
    const path = join(cacheFolder, name);
    await rename(output, path);
    return path;
  } finally {
    await remove(workFolder);
  }
}

/** Tries again for a while, because compilers that were told to stop may still be writing. */
function remove(folder: string): Promise<void> {
  return rm(folder, { recursive: true, force: true, maxRetries: 5 });
}

/** The error for a binary that cannot be had, with the ways to get it. */
function missing(search: Search, problem: string, goWay: string): MissingBinaryError {
  const { name, version, variable, home, cacheFolder, install } = search;
  const elsewhere = install ? `, PATH, ${join(home, '.dapr', 'bin')}` : '';
  const lines = [
    `${name} ${version} ${problem}`,
    `Looked in ${variable}${elsewhere} and ${cacheFolder}. To get it, do one of:`,
    `  - set ${variable} to the path of a ${name} that you have`,
    ...(install ? [`  - install ${name} ${version} on PATH: ${install(version)}`] : []),
    `  - ${goWay}`,
  ];
  return new MissingBinaryError(lines.join('\n'));
}

function goOf({ goVersion }: Search): string {
  return `Go ${goVersion} or newer (https://go.dev/dl/)`;
}
