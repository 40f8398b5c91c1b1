import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { platform } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';

/** Between two samples of a {@link ResidentPeak}. Unit: milliseconds. */
const interval = 50;

/** Resident size of a process. Unit: MB. */
export async function residentSize(pid: number): Promise<number> {
  if (platform() === 'linux') {
    const [, kilobytes] =
      (await readFile(`/proc/${pid}/status`, 'utf8')).match(/VmRSS:\s+(\d+)/) ?? [];
    return Math.round(Number(kilobytes) / 1024);
  }
  const { stdout } = await promisify(execFile)('ps', ['-o', 'rss=', '-p', `${pid}`]);
  return Math.round(Number(stdout) / 1024);
}

/** Watches the resident size of a process, from its start to its {@link stop}. */
export class ResidentPeak {
  /** Unit: MB. */
  readonly before: number;
  readonly #pid: number;
  readonly #running: Promise<void>;
  #peak: number;
  #stopped = false;

  private constructor(pid: number, before: number) {
    this.#pid = pid;
    this.before = before;
    this.#peak = before;
    this.#running = this.#watch();
  }

  static async start(pid: number): Promise<ResidentPeak> {
    return new ResidentPeak(pid, await residentSize(pid));
  }

  /** Returns how far the size was above that of the start. Unit: MB. */
  async stop(): Promise<number> {
    this.#stopped = true;
    await this.#running;
    return this.#peak - this.before;
  }

  async #watch(): Promise<void> {
    while (!this.#stopped) {
      await sleep(interval);
      // The process may have ended.
      const size = await residentSize(this.#pid).catch(() => 0);
      this.#peak = Math.max(this.#peak, size);
    }
  }
}

/** Processor time that the main thread of a process has used; 0 where that is not known. Unit: milliseconds. */
export async function processorTime(pid: number): Promise<number> {
  const text = await readFile(`/proc/${pid}/schedstat`, 'utf8').catch(() => '0');
  return Math.round(Number(text.split(' ')[0]) / 1e6);
}
