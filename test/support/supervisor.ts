import { setTimeout as sleep } from 'node:timers/promises';
import type { Child } from './child.ts';

/** Before a child that ended is started again, as of an orchestrator's first restart. Milliseconds. */
const restartWait = 250;

/** Starts a child again whenever it ends, until told to stop. */
export class Supervisor {
  /** The one that runs now, or ran last. */
  child: Child;
  restarts = 0;
  readonly #launch: () => Promise<Child>;
  #stopped = false;
  #loop: Promise<void>;

  private constructor(child: Child, launch: () => Promise<Child>) {
    this.child = child;
    this.#launch = launch;
    this.#loop = this.#watch();
  }

  /** @throws Error when the first start fails */
  static async start(launch: () => Promise<Child>): Promise<Supervisor> {
    return new Supervisor(await launch(), launch);
  }

  async #watch(): Promise<void> {
    while (!this.#stopped) {
      await this.child.ended;
      if (this.#stopped) return;
      await sleep(restartWait);
      // One that cannot start yet, because what it needs is not there, is tried again.
      const next = await this.#launch().catch(() => undefined);
      if (!next) continue;
      this.child = next;
      this.restarts++;
    }
  }

  /** Ends the child for good. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    this.#stopped = true;
    await this.child.end(signal);
    await this.#loop;
    // It may have been about to start.
    await this.child.end('SIGKILL');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}
