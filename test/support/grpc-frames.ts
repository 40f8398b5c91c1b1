import { frameHeaderSize, writeFrameHeader } from '../../src/grpc/http2/frames.ts';

export interface Frame {
  type: number;
  flags: number;
  streamId: number;
  payload: Buffer;
}

export const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');

/** Returns the bytes of a frame. */
export function frameBytes(
  type: number,
  flags: number,
  streamId: number,
  payload: Uint8Array = Buffer.alloc(0),
): Buffer {
  const bytes = Buffer.alloc(frameHeaderSize + payload.length);
  writeFrameHeader(bytes, 0, payload.length, type, flags, streamId);
  bytes.set(payload, frameHeaderSize);
  return bytes;
}

/** Cuts bytes that are whole frames into frames. */
export function parseFrames(bytes: Buffer): Frame[] {
  const frames: Frame[] = [];
  for (let at = 0; at < bytes.length; ) {
    const end = at + frameHeaderSize + bytes.readUIntBE(at, 3);
    if (end > bytes.length) throw new Error(`a frame is cut short at byte ${at}`);
    frames.push({
      type: bytes.readUInt8(at + 3),
      flags: bytes.readUInt8(at + 4),
      streamId: bytes.readUInt32BE(at + 5),
      payload: bytes.subarray(at + frameHeaderSize, end),
    });
    at = end;
  }
  return frames;
}

/** Cuts bytes at places that may be anywhere, also beyond the end. */
export function cutAt(bytes: Buffer, places: readonly number[]): Buffer[] {
  const chunks: Buffer[] = [];
  let from = 0;
  for (const place of [...places, bytes.length].sort((a, b) => a - b)) {
    const to = Math.min(place, bytes.length);
    if (to > from) chunks.push(bytes.subarray(from, to));
    from = Math.max(from, to);
  }
  return chunks;
}
