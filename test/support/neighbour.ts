import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { Host, type HostSubscription } from './host.ts';
import type { Pair } from './pair.ts';

/** Between two calls. Unit: milliseconds. */
const pause = 3;

/** Between two new connections. Unit: milliseconds. */
const newConnectionPause = 200;

/** Longest time for a new connection and its first call. The connection waits in a queue. Unit: milliseconds. */
const newConnectionLimit = 1_000;

/** Interval of the timer that measures how late this process is. Unit: milliseconds. */
const lagInterval = 10;

/** The kind of call that opens a connection. */
const dialling = 'new connection';

export interface NeighbourOptions {
  /** The method that is called. Default: Publish, which needs the nats-server. */
  method?: 'Publish' | 'Ping';
  /** Size of a published message. Default: 1. */
  bytes?: number;
  /** Open a new connection every 200 ms too, call Ping on it and close it. */
  newConnections?: boolean;
}

/**
 * A well-behaved gRPC client beside a hostile one. It calls all the time and measures each call. It subscribes to its
 * own messages, and the subscription must not end.
 */
export class Neighbour implements AsyncDisposable {
  /**
   * Duration of each call. The time in which this process or the component waited for a processor is subtracted, since
   * other processes caused it. Unit: milliseconds.
   */
  readonly latencies: number[] = [];
  /** The slowest call of each kind. Unit: milliseconds. */
  readonly slowest = new Map<string, number>();
  readonly errors: string[] = [];
  /** Messages that its subscription has received. */
  received = 0;
  /** Sum of the delays of the timer. Unit: milliseconds. */
  #lag = 0;
  readonly #pair: Pair;
  readonly #host: Host;
  readonly #subscription: HostSubscription;
  readonly #running: Promise<unknown>;
  #stopped = false;

  private constructor(pair: Pair, host: Host, options: NeighbourOptions) {
    this.#pair = pair;
    this.#host = host;
    this.#subscription = host.subscribe('neighbour');
    this.#subscription.onMessage = ({ id }) => {
      this.#subscription.ack(id);
      this.#subscription.messages.length = 0;
      this.received++;
    };
    const { method = 'Publish', bytes = 1, newConnections = false } = options;
    const data = Buffer.alloc(bytes, 'x');
    const call = () =>
      method === 'Ping' ? this.#host.call('Ping') : this.#host.publish('neighbour', data);
    const loops = [this.#repeat(method, call, pause), this.#watchLag()];
    if (newConnections) {
      loops.push(this.#repeat(dialling, () => this.#dial(), newConnectionPause));
    }
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
    this.slowest.clear();
  }

  /** Returns the problems: failed calls, and calls that took longer than `limit` milliseconds. */
  complaints(limit: number): string[] {
    const late = this.latencies.filter((milliseconds) => milliseconds > limit);
    const complaints = [...new Set(this.errors)];
    if (this.latencies.length === 0) complaints.push('no call was answered');
    const { status } = this.#subscription;
    if (status) complaints.push(`its subscription ended: ${status.code} ${status.details}`);
    const slowest = this.slowest.get(dialling) ?? 0;
    if (slowest > newConnectionLimit) complaints.push(`a slow new connection: ${this.summary()}`);
    if (late.length > 0) complaints.push(`${late.length} late calls: ${this.summary()}`);
    return complaints;
  }

  summary(): string {
    const sorted = this.latencies.toSorted((one, other) => one - other);
    const at = (part: number) => Math.round(sorted[Math.ceil(sorted.length * part) - 1] ?? 0);
    const slowest = Array.from(this.slowest, ([what, time]) => `${what} ${Math.round(time)} ms`);
    return `${sorted.length} calls, p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, max ${slowest.join(', ')}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped = true;
    await this.#running;
  }

  async #repeat(what: string, call: () => Promise<unknown>, wait: number): Promise<void> {
    while (!this.#stopped) {
      const start = performance.now();
      const waited = this.#waited();
      await call().catch((error) => {
        // The end of a test may come before the answer.
        if (!this.#stopped) this.errors.push(`${what}: ${(error as Error).message}`);
      });
      const time = Math.max(0, performance.now() - start - (this.#waited() - waited));
      if (what !== dialling) this.latencies.push(time);
      this.slowest.set(what, Math.max(time, this.slowest.get(what) ?? 0));
      await sleep(wait);
    }
  }

  /** Unit: milliseconds. */
  #waited(): number {
    return this.#lag + waitedForProcessor(this.#pair.component.pid);
  }

  /** Dials again while too many connections wait in the queue of the socket. */
  async #dial(): Promise<void> {
    for (;;) {
      using host = new Host(this.#pair.component.socket, 'neighbour');
      try {
        await host.call('Ping');
        return;
      } catch (error) {
        if (this.#stopped || !(error as Error).message.includes('EAGAIN')) throw error;
        await sleep(pause);
      }
    }
  }

  async #watchLag(): Promise<void> {
    while (!this.#stopped) {
      const start = performance.now();
      await sleep(lagInterval);
      this.#lag += performance.now() - start - lagInterval;
    }
  }
}

/** Time in which the main thread of a process waited for a processor; 0 if the system does not tell. Unit: milliseconds. */
function waitedForProcessor(pid: number): number {
  try {
    return Number(readFileSync(`/proc/${pid}/schedstat`, 'utf8').split(' ')[1]) / 1e6;
  } catch {
    return 0;
  }
}
