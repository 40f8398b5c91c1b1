import type { Connection } from './connection.ts';
import type { BoundConsumer } from './consumer.ts';

/** What a consumer has to do still, over all replicas. */
export interface Figures {
  /** Messages it has not delivered yet. */
  pending: number;
  /** Messages delivered and not settled. */
  ackPending: number;
  /** Messages delivered more than once and not settled. */
  redelivered: number;
}

/** The server is asked no more often. Unit: milliseconds. */
const life = 5_000;

/** The backlog of one subscription's consumer, as the server last told it. */
export class Backlog {
  readonly #connection: Connection;
  #figures: Figures | undefined;
  /** When the server was last asked, in terms of performance.now(). */
  #asked = Number.NEGATIVE_INFINITY;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** Undefined where it is not known, as in an outage: what was true before it says nothing. */
  get figures(): Figures | undefined {
    return this.#connection.connected ? this.#figures : undefined;
  }

  /** Asks the server, unless it was asked 5 s ago or less. Never rejects. */
  async refresh({ stream, name }: BoundConsumer): Promise<void> {
    const { connected, api } = this.#connection;
    const now = performance.now();
    if (!connected || now - this.#asked < life) return;
    this.#asked = now;
    try {
      const info = await api.consumers.info(stream, name);
      const { num_pending, num_ack_pending, num_redelivered } = info;
      this.#figures = {
        pending: num_pending,
        ackPending: num_ack_pending,
        redelivered: num_redelivered,
      };
    } catch {
      // Whoever subscribes to it hears of that in another way.
      this.#figures = undefined;
    }
  }
}
