import { ConnectionError } from './frames.ts';
import type { Stream } from './stream.ts';

/** Closed streams that are remembered, of each kind. A frame that was under way may still come for them. */
const remembered = 256;

/** Size of the table of open streams, a power of two. */
const places = 512;

/**
 * The streams of one connection: the open ones, and what is known of the others.
 *
 * The open ones are not in a Map: under load the tables that a Map leaves behind kept closed streams alive until
 * the next full garbage collection (docs/decisions/0009-performance-experiments.md).
 */
export class Streams {
  readonly #open: (Stream | undefined)[] = new Array(places).fill(undefined);
  /** Open streams whose place a newer one has taken. */
  readonly #apart = new Map<number, Stream>();
  #size = 0;
  /** The highest stream id that the peer has used. */
  #last = 0;
  readonly #ended = new Uint32Array(remembered);
  #endedCount = 0;
  readonly #reset = new Uint32Array(remembered);
  #resetCount = 0;

  get size(): number {
    return this.#size;
  }

  get last(): number {
    return this.#last;
  }

  get(streamId: number): Stream | undefined {
    const stream = this.#open[placeOf(streamId)];
    if (stream?.id === streamId) return stream;
    return this.#apart.size > 0 ? this.#apart.get(streamId) : undefined;
  }

  /** Returns the open streams as they are now, in the order in which the peer has opened them. */
  all(): Stream[] {
    return [...this].sort((a, b) => a.id - b.id);
  }

  /** The open streams, in no order. */
  *[Symbol.iterator](): Generator<Stream> {
    for (const stream of this.#open) if (stream) yield stream;
    yield* this.#apart.values();
  }

  /**
   * Takes note of a stream that the peer opens.
   *
   * @throws ConnectionError for an id that cannot be a new stream's
   */
  begin(streamId: number): void {
    if (streamId % 2 === 0) {
      throw new ConnectionError('PROTOCOL_ERROR', `HEADERS for stream ${streamId}`);
    }
    if (streamId <= this.#last) {
      const known = this.#ended.includes(streamId) || this.#reset.includes(streamId);
      throw new ConnectionError(
        known ? 'STREAM_CLOSED' : 'PROTOCOL_ERROR',
        `HEADERS for stream ${streamId}, which ${known ? 'is closed' : 'was left out'}`,
      );
    }
    this.#last = streamId;
  }

  add(stream: Stream): void {
    const place = placeOf(stream.id);
    const earlier = this.#open[place];
    if (earlier) this.#apart.set(earlier.id, earlier);
    this.#open[place] = stream;
    this.#size++;
  }

  /** Removes a stream that both sides have ended, or that the peer has reset. */
  end(streamId: number): void {
    this.#remove(streamId);
    this.#ended[this.#endedCount++ % remembered] = streamId;
  }

  /** Removes a stream that this side has reset, after which frames for it are still under way. */
  reset(streamId: number): void {
    this.#remove(streamId);
    this.#reset[this.#resetCount++ % remembered] = streamId;
  }

  #remove(streamId: number): void {
    const place = placeOf(streamId);
    if (this.#open[place]?.id === streamId) this.#open[place] = undefined;
    else if (!this.#apart.delete(streamId)) return;
    this.#size--;
  }

  wasReset(streamId: number): boolean {
    return streamId !== 0 && this.#reset.includes(streamId);
  }

  /**
   * Checks the stream of a frame that needs one which was opened before.
   *
   * @throws ConnectionError
   */
  checkNotIdle(streamId: number, what: string): void {
    if (streamId === 0 || streamId > this.#last || streamId % 2 === 0) {
      throw new ConnectionError(
        'PROTOCOL_ERROR',
        `${what} for stream ${streamId}, which is not open`,
      );
    }
  }
}

/** A peer's stream ids are odd. */
function placeOf(streamId: number): number {
  return (streamId >>> 1) & (places - 1);
}
