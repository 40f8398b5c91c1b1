import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';

/** Longest a build may take, in milliseconds: double what daprd with downloads takes on 2 CPUs. */
export const buildLimitMs = 20 * 60_000;

const progressIntervalMs = 1000;
const killGraceMs = 5000;
const messagesKept = 20;

/** How far a build has come. */
export interface GoBuildProgress {
  elapsedMs: number;
  /** Modules fetched so far; 0 when they all are in Go's module cache. */
  downloaded: number;
  /** Packages compiled so far; those in Go's build cache do not count. */
  compiled: number;
}

export interface GoModule {
  /** Absolute path of the `go` command. */
  go: string;
  /** Folder of the Go module whose go.mod and go.sum pin everything that is built. */
  folder: string;
  /** Folder for Go's temporary files, for the caller to delete: interrupted, Go leaves them. */
  workFolder: string;
  env: NodeJS.ProcessEnv;
}

export interface GoBuild extends GoModule {
  packagePath: string;
  /** Further `go build` flags: build tags, linker flags. */
  flags: readonly string[];
  /** Absolute path of the file to write. */
  output: string;
}

/** The build failed; the message has the exit status and the last lines that Go said. */
export class GoBuildError extends Error {
  override name = 'GoBuildError';
}

/** A signal asked this process to end while it built; the build is stopped and cleaned up. */
export class InterruptedError extends Error {
  override name = 'InterruptedError';
  readonly signal: NodeJS.Signals;

  constructor(signal: NodeJS.Signals) {
    super(`interrupted by ${signal}`);
    this.signal = signal;
  }
}

/**
 * Runs `go build`, strictly from the committed go.mod and go.sum, into a static binary. Reports
 * progress at the start, every second and at the end. Signals and errors: see {@link runGo}.
 */
export async function goBuild(
  { packagePath, flags, output, ...module }: GoBuild,
  onProgress: (progress: GoBuildProgress) => void,
): Promise<void> {
  // buildvcs: the state of this checkout says nothing about a third party's command.
  const fixed = ['build', '-mod=readonly', '-buildvcs=false', '-trimpath', '-v'];
  await runGo(module, [...fixed, ...flags, '-o', output, packagePath], onProgress);
}

/**
 * Runs one command of Go in a module and returns its stdout. Reports progress at the start, every
 * second and at the end.
 *
 * While it runs, SIGINT, SIGTERM and SIGHUP end the command rather than this process: the caller
 * gets an InterruptedError and decides what becomes of the signal.
 *
 * @throws GoBuildError when Go fails or takes longer than `buildLimitMs`
 * @throws InterruptedError
 */
export async function runGo(
  { go, folder, workFolder, env }: GoModule,
  args: readonly string[],
  onProgress: (progress: GoBuildProgress) => void,
): Promise<string> {
  const started = performance.now();
  const child = spawn(go, args, {
    cwd: folder,
    env: { GOTMPDIR: workFolder, ...env, GOWORK: 'off', CGO_ENABLED: '0' },
    stdio: ['ignore', 'pipe', 'pipe'],
    // Go's compilers are grandchildren: only a process group of its own reaches them all.
    detached: true,
  });
  const printed = text(child.stdout);
  const closed = new Promise<string>((resolve, reject) => {
    child.once('error', (error) => reject(new GoBuildError(`cannot run ${go}: ${error.message}`)));
    child.once('close', (code, signal) => resolve(signal ?? `exit status ${code}`));
  });

  let downloaded = 0;
  let compiled = 0;
  const messages: string[] = [];
  createInterface({ input: child.stderr }).on('line', (line) => {
    // Go's `-v` prints a bare import path for each package; whatever has a space is a message.
    if (line.startsWith('go: downloading ')) downloaded += 1;
    else if (/^\S+$/.test(line)) compiled += 1;
    else if (messages.push(line) > messagesKept) messages.shift();
  });
  const report = () => onProgress({ elapsedMs: performance.now() - started, downloaded, compiled });

  let interruptedBy: NodeJS.Signals | undefined;
  let timedOut = false;
  const interrupt = (signal: NodeJS.Signals) => {
    interruptedBy ??= signal;
    stopGroup(child.pid);
  };
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  for (const signal of signals) process.on(signal, interrupt);
  const limit = setTimeout(() => {
    timedOut = true;
    stopGroup(child.pid);
  }, buildLimitMs);
  const ticker = setInterval(report, progressIntervalMs);
  report();
  try {
    const outcome = await closed;
    report();
    if (interruptedBy) throw new InterruptedError(interruptedBy);
    if (outcome === 'exit status 0') return await printed;
    const reason = timedOut ? `gave up after ${buildLimitMs / 60_000} minutes` : outcome;
    throw new GoBuildError([`go ${args[0]} in ${folder}: ${reason}`, ...messages].join('\n  '));
  } finally {
    clearInterval(ticker);
    clearTimeout(limit);
    for (const signal of signals) process.off(signal, interrupt);
  }
}

/** Asks at first, then insists. */
function stopGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  const kill = (signal: NodeJS.Signals) => {
    try {
      process.kill(-pid, signal);
    } catch {
      // The group is gone already.
    }
  };
  kill('SIGTERM');
  setTimeout(kill, killGraceMs, 'SIGKILL').unref();
}
