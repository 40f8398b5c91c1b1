import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { promisify } from 'node:util';
import { until } from './wait.ts';

/** How long a child may take to say that it is ready, and to end. Unit: milliseconds. */
const readyLimit = 20_000;
const endLimit = 10_000;

/** Lines of output kept for an error message. */
const mostLines = 400;

export interface ChildOptions {
  /** For error messages. */
  name: string;
  command: string;
  args: string[];
  env?: NodeJS.ProcessEnv;
  cwd?: string;
  /** In a process group of its own, so that a Ctrl-C at the terminal does not reach it. */
  detached?: boolean;
  /** Matches the line that says the child is ready. */
  ready: RegExp;
  /** Sees each line of output. */
  onLine?: (line: string) => void;
}

/** A real process under test: started once, ended by its own process id. */
export class Child {
  readonly #process: ChildProcess;
  readonly #name: string;
  readonly lines: string[] = [];
  readonly ended: Promise<number | NodeJS.Signals>;

  private constructor(child: ChildProcess, { name, onLine }: ChildOptions) {
    this.#process = child;
    this.#name = name;
    this.ended = new Promise((done) =>
      child.once('exit', (code, signal) => done(code ?? signal ?? 0)),
    );
    for (const stream of [child.stdout, child.stderr]) {
      let rest = '';
      stream?.setEncoding('utf8').on('data', (text: string) => {
        const parts = (rest + text).split('\n');
        rest = parts.pop() ?? '';
        for (const line of parts) {
          this.lines.push(line);
          if (this.lines.length > mostLines) this.lines.shift();
          onLine?.(line);
        }
      });
    }
  }

  /** @throws Error with the child's output when it ends or stays silent instead of getting ready */
  static async start(options: ChildOptions): Promise<Child> {
    const process_ = spawn(options.command, options.args, {
      env: { ...process.env, ...options.env },
      cwd: options.cwd,
      detached: options.detached,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let ready: () => void = () => undefined;
    const isReady = new Promise<void>((done) => {
      ready = done;
    });
    const child = new Child(process_, {
      ...options,
      onLine: (line) => {
        options.onLine?.(line);
        if (options.ready.test(line)) ready();
      },
    });
    let timer: NodeJS.Timeout | undefined;
    const outcome = await Promise.race([
      isReady,
      child.ended.then((code) => `ended with ${code}`),
      once(process_, 'error').then(([error]) => `could not be started: ${error.message}`),
      new Promise<string>((done) => {
        timer = setTimeout(done, readyLimit, `was not ready within ${readyLimit / 1000} s`);
      }),
    ]);
    clearTimeout(timer);
    if (typeof outcome === 'string') {
      await child.end('SIGKILL');
      throw new Error(`${options.name} ${outcome}:\n${child.lines.join('\n')}`);
    }
    return child;
  }

  get pid(): number {
    return this.#process.pid as number;
  }

  get running(): boolean {
    return this.#process.exitCode === null && this.#process.signalCode === null;
  }

  signal(signal: NodeJS.Signals): void {
    this.#process.kill(signal);
  }

  /** Asks it to end, insists after 10 s, and returns its exit code or the signal that ended it. */
  async end(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | NodeJS.Signals> {
    if (this.#process.pid === undefined || !this.running)
      return this.#process.exitCode ?? 'SIGKILL';
    this.#process.kill(signal);
    // One that was stopped for a test would hear of nothing.
    this.#process.kill('SIGCONT');
    const timer = setTimeout(() => this.#process.kill('SIGKILL'), endLimit);
    const code = await this.ended;
    clearTimeout(timer);
    return code;
  }

  /** What Ctrl-C at a terminal does: interrupts a detached child and all it has started. */
  async interruptGroup(): Promise<void> {
    process.kill(-this.pid, 'SIGINT');
    await this.end('SIGINT');
  }

  /**
   * Interrupts a detached child and all it has started, whichever process groups that made for itself,
   * and resolves when all of it is gone.
   *
   * @throws Error when something had to be killed, after 10 s
   */
  async endSession(): Promise<void> {
    await signalSession(this.pid, 'SIGINT');
    try {
      const gone = async () => (await session(this.pid)).length === 0;
      await until(`the end of all that ${this.#name} has started`, gone, endLimit);
    } finally {
      await signalSession(this.pid, 'SIGKILL');
    }
  }

  /** Waits until a line of output matches, past ones included. */
  async line(pattern: RegExp, limit = readyLimit): Promise<string> {
    const deadline = Date.now() + limit;
    for (;;) {
      const found = this.lines.find((line) => pattern.test(line));
      if (found !== undefined) return found;
      if (Date.now() > deadline) {
        throw new Error(`${this.#name} never said ${pattern}:\n${this.lines.join('\n')}`);
      }
      await new Promise((done) => setTimeout(done, 20));
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end();
  }
}

/** The processes that belong to a session, those aside that have ended already. */
async function session(leader: number): Promise<number[]> {
  const { stdout } = await promisify(execFile)('ps', ['-A', '-o', 'pid=,sess=,stat=']);
  const rows = stdout
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/));
  return rows
    .filter(([, id, state]) => Number(id) === leader && !state?.startsWith('Z'))
    .map(([pid]) => Number(pid));
}

async function signalSession(leader: number, signal: NodeJS.Signals): Promise<void> {
  for (const pid of await session(leader)) {
    try {
      process.kill(pid, signal);
    } catch {
      // It has ended since.
    }
  }
}
