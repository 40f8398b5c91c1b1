import type { StreamConnection } from './http2/stream.ts';
import { code, StatusError } from './status.ts';

/** The bytes that are held for one call, counted against the limits. */
export class Reserved {
  readonly #connection: StreamConnection;
  #bytes = 0;

  constructor(connection: StreamConnection) {
    this.#connection = connection;
  }

  /** @throws StatusError when there is no such room left; then nothing is reserved */
  set(bytes: number): void {
    const more = bytes - this.#bytes;
    if (more === 0) return;
    this.#add(more);
    if (more < 0 || this.#fits()) return;
    this.#add(-this.#bytes);
    const message = 'too many large requests at the same time: try again';
    throw new StatusError({ code: code.RESOURCE_EXHAUSTED, message });
  }

  #fits(): boolean {
    const { held, limits, totals } = this.#connection;
    if (held > limits.held) return false;
    // Whatever others hold, this connection has its share.
    return totals.held <= limits.heldOfProcess || held <= limits.heldShare;
  }

  #add(more: number): void {
    this.#bytes += more;
    this.#connection.held += more;
    this.#connection.totals.held += more;
  }
}
