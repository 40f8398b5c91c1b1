import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';

/** What the load generator reports; which of these depends on its command. */
export interface LoadResult {
  /** Messages that were measured. */
  messages: number;
  /** These, and those of warming up. */
  total: number;
  seconds: number;
  /** Unit: messages a second. */
  rate: number;
  failed?: number;
  /** Of the first that failed. */
  error?: string;
  lost?: number;
  /** Deliveries of messages that had arrived before. */
  duplicates?: number;
  /** Unit: microseconds, here and below. */
  p50?: number;
  p90?: number;
  p99?: number;
  p999?: number;
  max?: number;
}

/** A list is for a flag that may be given again and again. */
export type LoadFlags = Record<string, string | number | boolean | string[]>;

/** One run may take no longer, whatever it waits for. Unit: milliseconds. */
export const runLimit = 180_000;

/** One run of the load generator: a process of its own, in Go, so as to cost little beside its peer. */
export class Load {
  readonly #child: ChildProcessByStdio<Writable, Readable, Readable>;
  readonly #lines: string[] = [];
  readonly #said: (() => void)[] = [];
  readonly #ended: Promise<number | NodeJS.Signals | null>;
  readonly #errors: string[] = [];
  #over = false;

  /** @param flags as `load COMMAND -help` lists them */
  constructor(binary: string, command: string, flags: LoadFlags) {
    const args = Object.entries(flags).flatMap(([name, value]) =>
      [value].flat().map((one) => `-${name}=${one}`),
    );
    this.#child = spawn(binary, [command, ...args], { stdio: ['pipe', 'pipe', 'pipe'] });
    // It may have ended by the time it is told something.
    this.#child.stdin.on('error', () => undefined);
    const lines = createInterface({ input: this.#child.stdout });
    lines.on('line', (line) => {
      this.#lines.push(line);
      for (const wake of this.#said.splice(0)) wake();
    });
    createInterface({ input: this.#child.stderr }).on('line', (line) => this.#errors.push(line));
    const limit = setTimeout(() => this.#child.kill('SIGKILL'), runLimit);
    this.#ended = new Promise((resolve, reject) => {
      this.#child.once('error', reject);
      this.#child.once('close', (code, signal) => {
        clearTimeout(limit);
        this.#over = true;
        for (const wake of this.#said.splice(0)) wake();
        resolve(signal ?? code);
      });
    });
    // Whoever waits hears of it; nobody may.
    this.#ended.catch(() => undefined);
  }

  /** Waits until it has said `line`, such as `listening`. */
  async said(line: string): Promise<void> {
    while (!this.#lines.includes(line)) {
      if (this.#over) throw this.#failure(await this.#ended);
      await new Promise<void>((resolve) => this.#said.push(resolve));
    }
  }

  tell(line: string): void {
    this.#child.stdin.write(`${line}\n`);
  }

  /** Waits for its result, which it may give before it ends. */
  async result(): Promise<LoadResult> {
    for (;;) {
      const found = this.#lines.find((line) => line.startsWith('{'));
      if (found !== undefined) return JSON.parse(found) as LoadResult;
      if (this.#over) throw this.#failure(await this.#ended);
      await new Promise<void>((resolve) => this.#said.push(resolve));
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#over) this.#child.kill('SIGTERM');
    await this.#ended.catch(() => undefined);
  }

  #failure(outcome: number | NodeJS.Signals | null): Error {
    const said = this.#errors.slice(-5).join('\n');
    return new Error(`the load generator ended with ${outcome}:\n${said}`);
  }
}
