import { writeSync } from 'node:fs';
import type { Logger } from 'pino';

export type { Logger };

/** The levels daprd knows, from the most to the least talkative. */
export const logLevels = ['debug', 'info', 'warn', 'error', 'fatal'] as const;
export type LogLevel = (typeof logLevels)[number];

/** What may wait for a reader that has stalled. Unit: bytes. */
const mostWaiting = 1024 * 1024;

/** Until it is tried again to write what waits. Unit: milliseconds. */
const retryInterval = 100;

/** What the reader gets for the rest when the process ends. Unit: milliseconds. */
const lastWrites = 500;

/**
 * The process' log: one JSON object a line, with the keys `level`, `time` and `msg` as daprd writes them, or
 * coloured lines on a person's terminal.
 *
 * @param stdout where it goes; Node makes a pipe non-blocking as soon as somebody asks for `process.stdout`
 * @returns the log, and what is to be called last of all: it writes what still waits
 */
export async function createLog(
  level: LogLevel,
  stdout: { fd: number; isTTY?: boolean },
): Promise<{ log: Logger; finish: () => void }> {
  // Loaded only here: a health check reads the command line, which knows the levels, and logs nothing.
  const { pino } = await import('pino');
  const options = {
    level,
    base: { scope: 'dapr-nats-jetstream' },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
  };
  if (!stdout.isTTY) {
    const output = new Output(stdout.fd, (dropped) => {
      log.warn(`${dropped} lines of the log were dropped: nobody had read it for a while`);
    });
    const log = pino(options, output);
    return { log, finish: () => output.finish() };
  }
  // Loaded only here: a container never pays for it at start.
  const { default: prettyStream } = await import('pino-pretty');
  const pretty = { sync: true, ignore: 'scope', translateTime: 'HH:MM:ss.l', singleLine: true };
  return { log: pino(options, prettyStream(pretty)), finish: () => undefined };
}

/**
 * Writes each line at once, so that none is lost with the process, and never waits for who reads them:
 * what a full pipe does not take is kept, up to 1 MiB, and written later, in its order. What comes on top is
 * dropped, whole lines at a time. Where nobody can read it any more, all of it is.
 *
 * pino's own destination blocks on a full pipe where it is synchronous; where it is not, what it is writing
 * when the process ends is lost.
 */
export class Output {
  readonly #fd: number;
  readonly #resumed: (dropped: number) => void;
  #waiting: Buffer[] = [];
  #size = 0;
  #dropped = 0;
  #timer: NodeJS.Timeout | undefined;

  /**
   * @param fd of a file, or of a pipe or socket that is non-blocking
   * @param resumed is called once all that waited is written, if lines were dropped
   */
  constructor(fd: number, resumed: (dropped: number) => void) {
    this.#fd = fd;
    this.#resumed = resumed;
  }

  write(line: string): void {
    const bytes = Buffer.from(line);
    if (this.#size > 0 && this.#size + bytes.length > mostWaiting) {
      this.#dropped++;
      return;
    }
    this.#waiting.push(bytes);
    this.#size += bytes.length;
    // What waits is written first.
    if (!this.#timer) this.#drain();
  }

  /** Writes what waits, in 0.5 s at most. */
  finish(): void {
    const deadline = performance.now() + lastWrites;
    const nothing = new Int32Array(new SharedArrayBuffer(4));
    while (!this.#drain() && performance.now() < deadline) Atomics.wait(nothing, 0, 0, 10);
  }

  /** @returns whether nothing waits any more */
  #drain(): boolean {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    for (let [line] = this.#waiting; line; [line] = this.#waiting) {
      const written = this.#put(line);
      this.#size -= written;
      if (written < line.length) {
        this.#waiting[0] = line.subarray(written);
        this.#timer = setTimeout(() => this.#drain(), retryInterval).unref();
        return false;
      }
      this.#waiting.shift();
    }
    const dropped = this.#dropped;
    this.#dropped = 0;
    if (dropped > 0) this.#resumed(dropped);
    return true;
  }

  /** @returns how many bytes are taken */
  #put(line: Buffer): number {
    try {
      return writeSync(this.#fd, line);
    } catch (error) {
      // Of anything else, such as a reader that has gone or a full disk, nobody could be told.
      return (error as NodeJS.ErrnoException).code === 'EAGAIN' ? 0 : line.length;
    }
  }
}
