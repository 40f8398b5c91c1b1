import { ConnectionError } from './frames.ts';
import type { Stream } from './stream.ts';

/** Closed streams that are remembered, of each kind. A frame that was under way may still come for them. */
const remembered = 256;

/** The streams of one connection: the open ones, and what is known of the others. */
export class Streams {
  readonly #open = new Map<number, Stream>();
  /** The highest stream id that the peer has used. */
  #last = 0;
  readonly #ended = new Uint32Array(remembered);
  #endedCount = 0;
  readonly #reset = new Uint32Array(remembered);
  #resetCount = 0;

  get size(): number {
    return this.#open.size;
  }

  get last(): number {
    return this.#last;
  }

  get(streamId: number): Stream | undefined {
    return this.#open.get(streamId);
  }

  /** Returns the open streams as they are now. */
  all(): Stream[] {
    return [...this.#open.values()];
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
    this.#open.set(stream.id, stream);
  }

  /** Removes a stream that both sides have ended, or that the peer has reset. */
  end(streamId: number): void {
    this.#open.delete(streamId);
    this.#ended[this.#endedCount++ % remembered] = streamId;
  }

  /** Removes a stream that this side has reset, after which frames for it are still under way. */
  reset(streamId: number): void {
    this.#open.delete(streamId);
    this.#reset[this.#resetCount++ % remembered] = streamId;
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
