import { execFile } from 'node:child_process';
import { closeSync, constants, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

/** A pipe of the system, of 64 KiB on Linux, which is read only when a test says so. */
export class Pipe {
  readonly #reader: number;
  readonly writer: number;

  private constructor(reader: number, writer: number) {
    this.#reader = reader;
    this.writer = writer;
  }

  /** @param flags of the end that is written to, besides O_WRONLY */
  static async open(folder: string, flags = 0): Promise<Pipe> {
    const path = join(folder, 'pipe');
    await promisify(execFile)('mkfifo', [path]);
    // The end that reads has to be there before the other one.
    const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    return new Pipe(reader, openSync(path, constants.O_WRONLY | flags));
  }

  /** What there is to read now. */
  read(): string {
    const buffer = Buffer.alloc(1024 * 1024);
    try {
      return buffer.toString('utf8', 0, readSync(this.#reader, buffer));
    } catch {
      return '';
    }
  }

  /** From now on nobody can read it. */
  closeReader(): void {
    closeSync(this.#reader);
  }

  closeWriter(): void {
    closeSync(this.writer);
  }
}
