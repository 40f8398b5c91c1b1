import { ConnectionError, frameSize, largestWindow } from './frames.ts';

/** The settings of RFC 9113, section 6.5.2. */
const setting = {
  headerTableSize: 1,
  enablePush: 2,
  maxConcurrentStreams: 3,
  initialWindowSize: 4,
  maxFrameSize: 5,
  maxHeaderListSize: 6,
};

/** What a SETTINGS frame says; undefined for what it does not mention. */
export interface PeerSettings {
  headerTableSize?: number;
  initialWindowSize?: number;
}

const entrySize = 6;

/** @throws ConnectionError for a frame of a wrong length and for a value that is not allowed */
export function readSettings(bytes: Buffer, start: number, end: number): PeerSettings {
  if ((end - start) % entrySize !== 0) {
    throw new ConnectionError('FRAME_SIZE_ERROR', 'a SETTINGS frame of a wrong length');
  }
  const found: PeerSettings = {};
  for (let at = start; at < end; at += entrySize) {
    const value = bytes.readUInt32BE(at + 2);
    switch (bytes.readUInt16BE(at)) {
      case setting.headerTableSize:
        found.headerTableSize = Math.min(value, found.headerTableSize ?? value);
        break;
      case setting.enablePush:
        if (value > 1) throw wrong('ENABLE_PUSH', value);
        break;
      case setting.initialWindowSize:
        if (value > largestWindow) throw wrong('INITIAL_WINDOW_SIZE', value, 'FLOW_CONTROL_ERROR');
        found.initialWindowSize = value;
        break;
      case setting.maxFrameSize:
        // Nothing larger than what every peer takes is ever sent, so the value itself is not needed.
        if (value < frameSize || value > 2 ** 24 - 1) throw wrong('MAX_FRAME_SIZE', value);
        break;
    }
  }
  return found;
}

function wrong(
  name: string,
  value: number,
  code: 'PROTOCOL_ERROR' | 'FLOW_CONTROL_ERROR' = 'PROTOCOL_ERROR',
): ConnectionError {
  return new ConnectionError(code, `SETTINGS_${name} of ${value}`);
}

/** Returns the payload of this server's own SETTINGS. */
export function ownSettings(own: {
  streams: number;
  streamWindow: number;
  headerTable: number;
  headerList: number;
}): Buffer {
  const entries: [number, number][] = [
    [setting.headerTableSize, own.headerTable],
    [setting.maxConcurrentStreams, own.streams],
    [setting.initialWindowSize, own.streamWindow],
    [setting.maxHeaderListSize, own.headerList],
  ];
  const payload = Buffer.alloc(entries.length * entrySize);
  for (const [index, [id, value]] of entries.entries()) {
    payload.writeUInt16BE(id, index * entrySize);
    payload.writeUInt32BE(value, index * entrySize + 2);
  }
  return payload;
}
