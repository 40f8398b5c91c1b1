import type { Limits } from '../limits.ts';
import { HeaderBlocks, type ReceivedBlock } from './header-blocks.ts';
import { checkTrailers, MalformedError, type Request, readRequest } from './request.ts';

/** What requests mean. `Head` is what it makes of the fields of a request; equal header blocks share one. */
export type ReadHead<Head> = (request: Request) => Head;

/** A request that may be served. */
export interface ReceivedRequest<Head> {
  head: Head;
  /** As {@link Request.contentLength}. */
  contentLength: number;
}

/** Reads requests and trailers from the header blocks of one connection. */
export class RequestReader<Head> {
  readonly blocks: HeaderBlocks<ReceivedRequest<Head>>;
  readonly #readHead: ReadHead<Head>;

  constructor(limits: Limits, readHead: ReadHead<Head>) {
    this.blocks = new HeaderBlocks(limits);
    this.#readHead = readHead;
  }

  /** Reads the block that came last as a request. */
  request(
    block: ReceivedBlock<ReceivedRequest<Head>>,
  ): ReceivedRequest<Head> | 'malformed' | 'too-large' {
    if (block.kept) return block.kept;
    if (block.fields === 'too-large') return 'too-large';
    try {
      const request = readRequest(block.fields);
      const read = { head: this.#readHead(request), contentLength: request.contentLength };
      this.blocks.keep(read);
      return read;
    } catch (error) {
      if (error instanceof MalformedError) return 'malformed';
      throw error;
    }
  }

  /** Returns whether the block may be trailers. What is in them is not read. */
  mayBeTrailers({ kept, fields }: ReceivedBlock<ReceivedRequest<Head>>): boolean {
    // The fields of a request: they begin with pseudo-headers.
    if (kept) return false;
    if (fields === 'too-large') return true;
    try {
      checkTrailers(fields);
      return true;
    } catch (error) {
      if (error instanceof MalformedError) return false;
      throw error;
    }
  }
}
