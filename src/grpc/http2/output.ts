import type { Socket } from 'node:net';
import type { Limits } from '../limits.ts';
import type { Totals } from '../totals.ts';

/** What frames are written into, one after the other. Unit: bytes. */
const blockSize = 64 * 1024;

/** Blocks that are kept for the next turn, by all connections together. */
const mostSpareBlocks = 16;
const spareBlocks: Buffer[] = [];

/** From here on bytes are handed to the socket as they are, not copied into a block. */
const largeSize = 16 * 1024;

export interface OutputOptions {
  limits: Limits;
  totals: Totals;
  /** Called when the socket has taken everything after a time in which it did not. */
  onRoom(): void;
  /** Called when more waits for all peers together than the limits allow. */
  onPressure(): void;
  /** Called when the peer has not taken the last write within `limits.stalled`. */
  onStalled(): void;
}

/**
 * What goes out on one connection. Frames that are written while something that has arrived is handled go to the
 * socket in one write, after it.
 *
 * While the socket has not taken the last write, nothing more is handed to it: frames wait here.
 */
export class Output {
  /** Where {@link reserve} has found room. */
  block: Buffer = Buffer.alloc(0);
  readonly #socket: Socket;
  readonly #options: OutputOptions;
  /** The part of the block that is written and not yet handed on: `[#start, #end)`. */
  #start = 0;
  #end = 0;
  /** Full blocks and large payloads that precede the current block. */
  #full: Buffer[] = [];
  #fullBytes = 0;
  #scheduled = false;
  #busy = false;
  /** Since when the socket has not taken everything, of performance.now(). */
  #busySince = 0;
  #stalling: NodeJS.Timeout | undefined;
  /** What {@link Totals.unwritten} has of this connection. */
  #counted = 0;

  constructor(socket: Socket, options: OutputOptions) {
    this.#socket = socket;
    this.#options = options;
  }

  /** Returns the offset in {@link block} of `size` free bytes, which the caller fills before anything else. */
  reserve(size: number): number {
    if (this.#end + size > this.block.length) this.#nextBlock(size);
    const at = this.#end;
    this.#end += size;
    if (!this.#scheduled) this.#schedule();
    return at;
  }

  /** Gives back what was reserved last from `end` on. */
  trim(end: number): void {
    this.#end = end;
  }

  /** Sends bytes that nobody changes any more; many of them are not copied. */
  append(bytes: Buffer): void {
    if (bytes.length < largeSize) {
      const at = this.reserve(bytes.length);
      bytes.copy(this.block, at);
      return;
    }
    this.#closePart();
    this.#full.push(bytes);
    this.#fullBytes += bytes.length;
    if (!this.#scheduled) this.#schedule();
  }

  /** Whether the socket has not taken what it was given last. */
  get busy(): boolean {
    return this.#busy;
  }

  /** Since when, in terms of performance.now(); Infinity while the socket is not busy. */
  get busySince(): number {
    return this.#busy ? this.#busySince : Number.POSITIVE_INFINITY;
  }

  /** Bytes that wait, here and in the socket. */
  get unwritten(): number {
    return this.#fullBytes + this.#end - this.#start + this.#socket.writableLength;
  }

  /** Hands everything to the socket now, unless it is busy. */
  flush(): void {
    this.#scheduled = false;
    if (!this.#busy) this.#write();
    this.#count(this.unwritten);
  }

  /** Forgets what waits: the connection is over. */
  discard(): void {
    clearTimeout(this.#stalling);
    this.#full = [];
    this.#fullBytes = 0;
    this.#start = this.#end;
    this.#count(0);
  }

  #schedule(): void {
    this.#scheduled = true;
    // At the end of the callback that is running: the rest of what has arrived may bring more to write.
    queueMicrotask(() => this.flush());
  }

  #write(): void {
    const socket = this.#socket;
    if (socket.destroyed || socket.writableEnded) {
      this.discard();
      return;
    }
    if (this.#full.length === 0) {
      if (this.#start === this.#end) return;
      socket.write(this.block.subarray(this.#start, this.#end), this.#written);
      this.#start = this.#end;
    } else {
      this.#closePart();
      const parts = this.#full;
      this.#full = [];
      this.#fullBytes = 0;
      socket.cork();
      const last = parts.length - 1;
      for (const [index, part] of parts.entries()) {
        socket.write(part, index === last ? this.#written : undefined);
      }
      socket.uncork();
    }
    if (socket.writableLength > 0) this.#becomeBusy();
    else this.#releaseBlock();
  }

  /** Nearly always the socket has taken everything before this is called, and there is nothing to do. */
  readonly #written = (): void => {
    if (!this.#busy || this.#socket.writableLength > 0) return;
    this.#busy = false;
    clearTimeout(this.#stalling);
    this.flush();
    if (!this.#busy) this.#options.onRoom();
  };

  #becomeBusy(): void {
    this.#busy = true;
    this.#busySince = performance.now();
    // Its bytes belong to the socket until they are written.
    this.block = Buffer.alloc(0);
    this.#start = 0;
    this.#end = 0;
    this.#stalling = setTimeout(() => this.#options.onStalled(), this.#options.limits.stalled);
    this.#stalling.unref();
  }

  #releaseBlock(): void {
    if (this.block.length === blockSize && spareBlocks.length < mostSpareBlocks) {
      spareBlocks.push(this.block);
    }
    this.block = Buffer.alloc(0);
    this.#start = 0;
    this.#end = 0;
  }

  #nextBlock(size: number): void {
    this.#closePart();
    this.block =
      size > blockSize
        ? Buffer.allocUnsafeSlow(size)
        : (spareBlocks.pop() ?? Buffer.allocUnsafeSlow(blockSize));
    this.#start = 0;
    this.#end = 0;
  }

  /** Sets apart what the block has, so that something else can come after it. */
  #closePart(): void {
    if (this.#end === this.#start) return;
    this.#full.push(this.block.subarray(this.#start, this.#end));
    this.#fullBytes += this.#end - this.#start;
    this.#start = this.#end;
  }

  #count(bytes: number): void {
    const { totals, limits, onPressure } = this.#options;
    const more = bytes - this.#counted;
    if (more === 0) return;
    this.#counted = bytes;
    totals.unwritten += more;
    if (more > 0 && totals.unwritten > limits.unwrittenOfProcess) onPressure();
  }
}
