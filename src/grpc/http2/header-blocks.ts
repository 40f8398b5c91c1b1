import type { Limits } from '../limits.ts';
import { ConnectionError, flag, readUint31 } from './frames.ts';
import { type HeaderField, HpackDecoder, HpackError } from './hpack-decoder.ts';

/** A whole header block of a stream. */
export interface ReceivedBlock<Kept> {
  streamId: number;
  endStream: boolean;
  /** What {@link HeaderBlocks.keep} has kept for the same bytes. */
  kept: Kept | undefined;
  /** The fields; empty where something was kept. */
  fields: readonly HeaderField[] | 'too-large';
}

/** Blocks that are kept with what was made of them. */
const mostKept = 64;

/** Longest block that is kept. A client that indexes its fields sends less. Unit: bytes. */
const longestKept = 256;

const noFields: readonly HeaderField[] = [];

/**
 * Puts HEADERS and CONTINUATION frames together and decodes them.
 *
 * After its first calls a client sends the same few bytes for the same fields. So what was made of a block is kept
 * by its bytes, until the dynamic table changes.
 */
export class HeaderBlocks<Kept> {
  readonly #limits: Limits;
  readonly #decoder: HpackDecoder;
  readonly #kept = new Map<string, Kept>();
  /** The decoder's changes when the first block was kept. */
  #keptAt = 0;
  /** The bytes of the block that was decoded last, if it may be kept. */
  #lastKey: string | undefined;
  /** A block that CONTINUATION frames go on with. */
  #open: { streamId: number; endStream: boolean; parts: Buffer[]; size: number } | undefined;

  constructor(limits: Limits) {
    this.#limits = limits;
    this.#decoder = new HpackDecoder({
      tableSize: limits.headerTable,
      listSize: limits.headerList,
    });
  }

  /** The stream whose CONTINUATION has to come next; 0 when any frame may come. */
  get continues(): number {
    return this.#open?.streamId ?? 0;
  }

  /**
   * @returns the block if the frame has its end, undefined if CONTINUATION follows
   * @throws ConnectionError
   */
  headers(
    flags: number,
    streamId: number,
    bytes: Buffer,
    from: number,
    to: number,
  ): ReceivedBlock<Kept> | undefined {
    let start = from;
    let end = to;
    if (flags & flag.padded) end -= bytes[start++] ?? 0;
    const priority = start;
    if (flags & flag.priority) start += 5;
    if (start > end || start > to) {
      throw new ConnectionError('PROTOCOL_ERROR', 'a HEADERS frame shorter than what it holds');
    }
    if (flags & flag.priority && readUint31(bytes, priority) === streamId) {
      throw new ConnectionError('PROTOCOL_ERROR', 'a stream that depends on itself');
    }
    const endStream = (flags & flag.endStream) !== 0;
    if (flags & flag.endHeaders) return this.#decode(streamId, endStream, bytes, start, end);
    const part = Buffer.from(bytes.subarray(start, end));
    this.#open = { streamId, endStream, parts: [part], size: part.length };
    return undefined;
  }

  /** As {@link headers}. */
  continuation(
    flags: number,
    streamId: number,
    bytes: Buffer,
    start: number,
    end: number,
  ): ReceivedBlock<Kept> | undefined {
    const open = this.#open;
    if (!open || open.streamId !== streamId) {
      throw new ConnectionError('PROTOCOL_ERROR', 'a CONTINUATION frame that continues nothing');
    }
    const { headerBlock, continuations } = this.#limits;
    open.parts.push(Buffer.from(bytes.subarray(start, end)));
    open.size += end - start;
    if (open.size > headerBlock || open.parts.length > continuations + 1) {
      throw new ConnectionError('ENHANCE_YOUR_CALM', 'a header block that is too long');
    }
    if (!(flags & flag.endHeaders)) return undefined;
    this.#open = undefined;
    const block = Buffer.concat(open.parts, open.size);
    return this.#decode(streamId, open.endStream, block, 0, block.length);
  }

  /** Keeps what was made of the block that came last. */
  keep(kept: Kept): void {
    if (this.#lastKey === undefined) return;
    if (this.#kept.size >= mostKept) this.#kept.clear();
    this.#kept.set(this.#lastKey, kept);
  }

  #decode(
    streamId: number,
    endStream: boolean,
    bytes: Buffer,
    start: number,
    end: number,
  ): ReceivedBlock<Kept> {
    const key = end - start <= longestKept ? bytes.toString('latin1', start, end) : undefined;
    if (key !== undefined) {
      const kept = this.#kept.get(key);
      if (kept !== undefined) return { streamId, endStream, kept, fields: noFields };
    }
    const decoder = this.#decoder;
    const before = decoder.changes;
    const fields = this.#fields(bytes, start, end);
    // A block that changes the table means something else the next time.
    this.#lastKey = decoder.changes === before ? key : undefined;
    if (decoder.changes !== this.#keptAt) {
      this.#keptAt = decoder.changes;
      if (this.#kept.size > 0) this.#kept.clear();
    }
    return { streamId, endStream, kept: undefined, fields };
  }

  #fields(bytes: Buffer, start: number, end: number): readonly HeaderField[] | 'too-large' {
    try {
      return this.#decoder.decode(bytes, start, end);
    } catch (error) {
      if (!(error instanceof HpackError)) throw error;
      throw new ConnectionError('COMPRESSION_ERROR', error.message);
    }
  }
}
