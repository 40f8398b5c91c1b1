const smallest = 1024;

/** Bytes that arrive in parts. Its size doubles as needed, up to `most`. */
export class GrowingBuffer {
  #bytes: Buffer<ArrayBuffer>;
  #length = 0;
  readonly #most: number;

  constructor(expected: number, most: number) {
    this.#most = most;
    this.#bytes = Buffer.allocUnsafeSlow(Math.min(Math.max(expected, smallest), most));
  }

  /** Bytes that are allocated. */
  get capacity(): number {
    return this.#bytes.length;
  }

  get length(): number {
    return this.#length;
  }

  /** The bytes so far; valid until the next one is added. */
  get bytes(): Buffer {
    return this.#bytes.subarray(0, this.#length);
  }

  /** Adds `bytes[start, end)`, which must not lead beyond `most`. */
  add(bytes: Buffer, start: number, end: number): void {
    const needed = this.#length + end - start;
    if (needed > this.#bytes.length) {
      const size = Math.min(Math.max(needed, this.#bytes.length * 2), this.#most);
      // The old room is free at once, not when it is collected.
      this.#bytes = Buffer.from(this.#bytes.buffer.transfer(size));
    }
    bytes.copy(this.#bytes, this.#length, start, end);
    this.#length = needed;
  }
}
