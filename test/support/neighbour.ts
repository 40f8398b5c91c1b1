import { setTimeout as sleep } from 'node:timers/promises';
import { Host } from './host.ts';
import type { Pair } from './pair.ts';

/** Between two calls. Unit: milliseconds. */
const pause = 3;

/** Between two new connections. Unit: milliseconds. */
const newConnectionPause = 200;

/** Between two looks at how late this process itself is. Unit: milliseconds. */
const lagInterval = 10;

export interface NeighbourOptions {
  /** What is called again and again. Default: Publish, which needs the nats-server. */
  method?: 'Publish' | 'Ping';
  /** Open a new connection every 200 ms too, call Ping on it and close it. */
  newConnections?: boolean;
}

/** A well-behaved gRPC client beside a hostile one: calls all the time and notes how long each call takes. */
export class Neighbour implements AsyncDisposable {
  /** Unit: milliseconds. */
  readonly latencies: number[] = [];
  readonly errors: string[] = [];
  /** How late the timers of this process were at most. Unit: milliseconds. */
  lag = 0;
  readonly #pair: Pair;
  readonly #host: Host;
  readonly #running: Promise<unknown>;
  #stopped = false;

  private constructor(pair: Pair, host: Host, options: NeighbourOptions) {
    this.#pair = pair;
    this.#host = host;
    const { method = 'Publish', newConnections = false } = options;
    const call = () =>
      method === 'Ping' ? this.#host.call('Ping') : this.#host.publish('neighbour', 'x');
    const loops = [this.#repeat(call, pause), this.#watchLag()];
    if (newConnections) loops.push(this.#repeat(() => this.#dial(), newConnectionPause));
    this.#running = Promise.all(loops);
  }

  /** Resolves when the first call has been answered. */
  static async start(pair: Pair, options: NeighbourOptions = {}): Promise<Neighbour> {
    await pair.nats.stream('NEIGHBOUR', 'neighbour');
    const host = await pair.host({ consumerID: 'neighbour' }, 'neighbour');
    await host.publish('neighbour', 'first');
    return new Neighbour(pair, host, options);
  }

  /** Forgets the calls so far. */
  restart(): void {
    this.latencies.length = 0;
    this.errors.length = 0;
    this.lag = 0;
  }

  /** Returns what is wrong: failed calls, and calls that took longer than `limit` milliseconds. */
  complaints(limit: number): string[] {
    const late = this.latencies.filter((milliseconds) => milliseconds > limit);
    const complaints = [...new Set(this.errors)];
    if (this.latencies.length === 0) complaints.push('no call was answered');
    if (late.length > 0) complaints.push(`${late.length} late calls: ${this.summary()}`);
    return complaints;
  }

  summary(): string {
    const sorted = this.latencies.toSorted((one, other) => one - other);
    const at = (part: number) => Math.round(sorted[Math.ceil(sorted.length * part) - 1] ?? 0);
    const times = `p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, max ${at(1)} ms`;
    return `${sorted.length} calls, ${times}, own lag ${Math.round(this.lag)} ms`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped = true;
    await this.#running;
  }

  async #repeat(call: () => Promise<unknown>, wait: number): Promise<void> {
    while (!this.#stopped) {
      const start = performance.now();
      await call().catch((error) => {
        // The end of a test may come before the answer.
        if (!this.#stopped) this.errors.push((error as Error).message);
      });
      this.latencies.push(performance.now() - start);
      await sleep(wait);
    }
  }

  async #dial(): Promise<void> {
    using host = new Host(this.#pair.component.socket, 'neighbour');
    await host.call('Ping');
  }

  async #watchLag(): Promise<void> {
    while (!this.#stopped) {
      const start = performance.now();
      await sleep(lagInterval);
      this.lag = Math.max(this.lag, performance.now() - start - lagInterval);
    }
  }
}
