/**
 * How the messages of one type are read from and written to bytes.
 *
 * A message is written in two steps, first its size, then its bytes. So a response of a stream can
 * go straight into the buffer that is handed to the socket.
 */
export interface Codec<Message> {
  /**
   * Reads the message in `bytes[start, end)`. The message may keep views of `bytes`, which nobody changes.
   *
   * @throws Error when the bytes are not such a message
   */
  decode(bytes: Buffer, start: number, end: number): Message;
  /** Returns the number of bytes that {@link write} writes. */
  size(message: Message): number;
  /** Writes the message at `target[at]`, where at least {@link size} bytes are free. */
  write(message: Message, target: Buffer, at: number): void;
}

const noBytes = Buffer.alloc(0);

/** Returns the bytes of a message in a buffer of its own. */
export function encode<Message>(codec: Codec<Message>, message: Message): Buffer {
  const size = codec.size(message);
  if (size === 0) return noBytes;
  const target = Buffer.allocUnsafe(size);
  codec.write(message, target, 0);
  return target;
}
