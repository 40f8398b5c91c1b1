import type { StreamConnection } from './http2/stream.ts';
import { code, StatusError } from './status.ts';

/** The room that one call takes for what has arrived and cannot be handed on yet, counted against the limits. */
export class Reserved {
  readonly #connection: StreamConnection;
  #bytes = 0;

  constructor(connection: StreamConnection) {
    this.#connection = connection;
  }

  /** @throws StatusError when the connection, or the process, has no such room left; then nothing is reserved */
  set(bytes: number): void {
    const more = bytes - this.#bytes;
    if (more === 0) return;
    const { limits, totals } = this.#connection;
    this.#add(more);
    const fits =
      this.#connection.unfinished <= limits.unfinished &&
      totals.unfinished <= limits.unfinishedOfProcess;
    if (more < 0 || fits) return;
    this.#add(-this.#bytes);
    const message = 'too many large messages arrive at the same time: try again';
    throw new StatusError({ code: code.RESOURCE_EXHAUSTED, message });
  }

  #add(more: number): void {
    this.#bytes += more;
    this.#connection.unfinished += more;
    this.#connection.totals.unfinished += more;
  }
}
