/** The bytes of HTTP/2 frames (RFC 9113, section 6), valid or not. */

export const frameType = {
  DATA: 0,
  HEADERS: 1,
  PRIORITY: 2,
  RST_STREAM: 3,
  SETTINGS: 4,
  PUSH_PROMISE: 5,
  PING: 6,
  GOAWAY: 7,
  WINDOW_UPDATE: 8,
  CONTINUATION: 9,
} as const;

export const flag = {
  ACK: 0x1,
  END_STREAM: 0x1,
  END_HEADERS: 0x4,
  PADDED: 0x8,
  PRIORITY: 0x20,
} as const;

export const setting = {
  HEADER_TABLE_SIZE: 1,
  ENABLE_PUSH: 2,
  MAX_CONCURRENT_STREAMS: 3,
  INITIAL_WINDOW_SIZE: 4,
  MAX_FRAME_SIZE: 5,
  MAX_HEADER_LIST_SIZE: 6,
} as const;

/** Error codes by number (RFC 9113, section 7). */
const errorNames = [
  'NO_ERROR',
  'PROTOCOL_ERROR',
  'INTERNAL_ERROR',
  'FLOW_CONTROL_ERROR',
  'SETTINGS_TIMEOUT',
  'STREAM_CLOSED',
  'FRAME_SIZE_ERROR',
  'REFUSED_STREAM',
  'CANCEL',
  'COMPRESSION_ERROR',
  'CONNECT_ERROR',
  'ENHANCE_YOUR_CALM',
  'INADEQUATE_SECURITY',
  'HTTP_1_1_REQUIRED',
] as const;

export type ErrorName = (typeof errorNames)[number];

/** Returns the name of an error code, or the number as text where the code has no name. */
export function errorName(code: number): string {
  return errorNames[code] ?? `${code}`;
}

/** Returns the number of an error code. */
export function errorCode(name: ErrorName): number {
  return errorNames.indexOf(name);
}

export const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');

/** The largest stream id, window and window increment. */
export const most31 = 0x7fff_ffff;

/** The window of a connection, and of a stream until SETTINGS say otherwise. Unit: bytes. */
export const initialWindow = 65_535;

/** The largest payload of a frame until SETTINGS say otherwise. Unit: bytes. */
export const defaultFrameSize = 16_384;

const none = Buffer.alloc(0);

/** Returns a frame; `length` is what its header says where that is not the payload's length. */
export function frame(
  type: number,
  flags: number,
  stream: number,
  payload: Uint8Array = none,
  length = payload.byteLength,
): Buffer {
  const head = Buffer.allocUnsafe(9);
  head.writeUIntBE(length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

export function uint32(...values: number[]): Buffer {
  const bytes = Buffer.allocUnsafe(4 * values.length);
  for (const [index, value] of values.entries()) bytes.writeUInt32BE(value, 4 * index);
  return bytes;
}

export function settings(...entries: (readonly [id: number, value: number])[]): Buffer {
  const payload = Buffer.allocUnsafe(6 * entries.length);
  for (const [index, [id, value]] of entries.entries()) {
    payload.writeUInt16BE(id, 6 * index);
    payload.writeUInt32BE(value, 6 * index + 2);
  }
  return frame(frameType.SETTINGS, 0, 0, payload);
}

export const settingsAck = frame(frameType.SETTINGS, flag.ACK, 0);

export function ping(data: Uint8Array, flags = 0): Buffer {
  return frame(frameType.PING, flags, 0, data);
}

export function windowUpdate(stream: number, increment: number): Buffer {
  return frame(frameType.WINDOW_UPDATE, 0, stream, uint32(increment));
}

export function resetStream(stream: number, error: ErrorName): Buffer {
  return frame(frameType.RST_STREAM, 0, stream, uint32(errorCode(error)));
}

export function goaway(lastStream: number, code: number, debug: Uint8Array = none): Buffer {
  return frame(frameType.GOAWAY, 0, 0, Buffer.concat([uint32(lastStream, code), debug]));
}

/** HEADERS with a whole header block, which does not end the stream unless `flags` say so. */
export function headers(stream: number, block: Uint8Array, flags = 0): Buffer {
  return frame(frameType.HEADERS, flag.END_HEADERS | flags, stream, block);
}

export function continuation(stream: number, part: Uint8Array, flags = 0): Buffer {
  return frame(frameType.CONTINUATION, flags, stream, part);
}

export function data(stream: number, payload: Uint8Array, flags = 0): Buffer {
  return frame(frameType.DATA, flags, stream, payload);
}

/** DATA that ends the stream. */
export function lastData(stream: number, payload: Uint8Array = none): Buffer {
  return data(stream, payload, flag.END_STREAM);
}

/** A gRPC message: flag, length, bytes; `length` is what the prefix says where that is not true. */
export function grpcMessage(
  message: Uint8Array,
  compressed = 0,
  length = message.byteLength,
): Buffer {
  const head = Buffer.allocUnsafe(5);
  head.writeUInt8(compressed, 0);
  head.writeUInt32BE(length, 1);
  return Buffer.concat([head, message]);
}

export interface Frame {
  type: number;
  flags: number;
  stream: number;
  payload: Buffer;
}

/** Cuts what arrives on a socket into frames. */
export class FrameReader {
  #rest: Buffer = none;

  /** Returns the frames that are whole now. */
  read(chunk: Buffer): Frame[] {
    const bytes = this.#rest.length > 0 ? Buffer.concat([this.#rest, chunk]) : chunk;
    const frames: Frame[] = [];
    let at = 0;
    while (bytes.length - at >= 9) {
      const end = at + 9 + bytes.readUIntBE(at, 3);
      if (end > bytes.length) break;
      frames.push({
        type: bytes.readUInt8(at + 3),
        flags: bytes.readUInt8(at + 4),
        stream: bytes.readUInt32BE(at + 5) & most31,
        payload: bytes.subarray(at + 9, end),
      });
      at = end;
    }
    this.#rest = bytes.subarray(at);
    return frames;
  }
}
