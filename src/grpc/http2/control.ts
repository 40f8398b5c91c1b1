import type { Limits } from '../limits.ts';
import { FrameBudget } from './frame-budget.ts';
import type { FrameWriter } from './frame-writer.ts';
import {
  ConnectionError,
  type ErrorName,
  errorCode,
  flag,
  frame,
  largestWindow,
  readUint31,
} from './frames.ts';
import { ownSettings, type PeerSettings, readSettings } from './peer-settings.ts';

/** What grpc-go sends to measure the bandwidth; until it is acknowledged, grpc-go sends no other. */
const bandwidthPing = Buffer.from([0x02, 0x04, 0x10, 0x10, 0x09, 0x0e, 0x07, 0x07]);

/**
 * How late that PING is acknowledged. At once, each publish of a lone caller would cost one more read and one
 * more write on both sides. Unit: milliseconds.
 */
const bandwidthPingDelay = 25;

/** Sent after the first GOAWAY of a graceful end: when it comes back, the peer has seen that GOAWAY. */
const endPing = Buffer.from('goodbye!');

/** How long that may take. Unit: milliseconds. */
const endPingLimit = 250;

/** The frames that are about the connection itself, and the budget for those that bring nothing forward. */
export class Control {
  readonly #writer: FrameWriter;
  readonly #budget: FrameBudget;
  #settingsSeen = false;
  #overdrawn = false;
  readonly #handshake: NodeJS.Timeout;
  #latePing: NodeJS.Timeout | undefined;
  #endSeen: (() => void) | undefined;

  /** @param late called when the peer's first SETTINGS have not come in time */
  constructor(writer: FrameWriter, limits: Limits, late: () => void) {
    this.#writer = writer;
    this.#budget = new FrameBudget(limits.idleFrames, limits.idleFramesPerSecond);
    this.#handshake = setTimeout(late, limits.handshake);
    this.#handshake.unref();
    writer.frame(frame.settings, 0, 0, ownSettings(limits));
  }

  stop(): void {
    clearTimeout(this.#handshake);
    clearTimeout(this.#latePing);
    this.#endSeen = undefined;
  }

  /** @throws ConnectionError when the budget is spent */
  spend(): void {
    if (this.#budget.spend()) return;
    throw floodError();
  }

  /** As {@link spend}, where nothing may be thrown: {@link checkOwed} throws instead. */
  owe(): void {
    this.#overdrawn = !this.#budget.spend();
  }

  /** @throws ConnectionError when the last frame that was owed had no budget left */
  checkOwed(): void {
    if (this.#overdrawn) throw floodError();
  }

  earn(): void {
    this.#budget.earn();
  }

  /** @param continues the stream whose CONTINUATION has to come now, or 0 */
  checkOrder(type: number, streamId: number, continues: number): void {
    if (!this.#settingsSeen && type !== frame.settings) {
      throw new ConnectionError('PROTOCOL_ERROR', 'the first frame is not SETTINGS');
    }
    if (continues !== 0 && (type !== frame.continuation || streamId !== continues)) {
      throw new ConnectionError('PROTOCOL_ERROR', 'a frame in the middle of a header block');
    }
  }

  /**
   * Takes SETTINGS, PING, GOAWAY and every type that a client does not send.
   *
   * @returns the settings that are in force from now on, if the frame has any
   */
  frame(
    type: number,
    flags: number,
    streamId: number,
    bytes: Buffer,
    start: number,
    end: number,
  ): PeerSettings | undefined {
    this.spend();
    const ack = (flags & flag.ack) !== 0;
    if (type === frame.settings) {
      checkConnectionFrame('SETTINGS', streamId);
      if (!ack) return this.#settings(bytes, start, end);
      if (!this.#settingsSeen) {
        throw new ConnectionError('PROTOCOL_ERROR', 'the first SETTINGS are an acknowledgement');
      }
      if (end > start) throw wrongLength('SETTINGS');
    } else if (type === frame.ping) {
      checkConnectionFrame('PING', streamId);
      if (end - start !== 8) throw wrongLength('PING');
      // A copy: the acknowledgement may be late.
      const data = Buffer.from(bytes.subarray(start, end));
      if (!ack) this.#ping(data);
      else if (endPing.equals(data)) this.#endSeen?.();
    } else if (type === frame.goAway) {
      // The peer's streams go on. It closes the connection itself.
      checkConnectionFrame('GOAWAY', streamId);
      if (end - start < 8) throw wrongLength('GOAWAY');
    } else if (type === frame.pushPromise) {
      throw new ConnectionError('PROTOCOL_ERROR', 'a client does not push');
    }
    // Unknown types are ignored (RFC 9113, 5.5).
    return undefined;
  }

  /** Checks a PRIORITY frame, which means nothing any more (RFC 9113, 5.3). Returns the stream's error, if any. */
  priority(streamId: number, bytes: Buffer, start: number, end: number): ErrorName | undefined {
    if (streamId === 0) throw new ConnectionError('PROTOCOL_ERROR', 'PRIORITY for the connection');
    this.spend();
    if (end - start !== 5) return 'FRAME_SIZE_ERROR';
    return readUint31(bytes, start) === streamId ? 'PROTOCOL_ERROR' : undefined;
  }

  #settings(bytes: Buffer, start: number, end: number): PeerSettings {
    const settings = readSettings(bytes, start, end);
    clearTimeout(this.#handshake);
    this.#settingsSeen = true;
    this.#writer.frame(frame.settings, flag.ack, 0, Buffer.alloc(0));
    return settings;
  }

  #ping(data: Buffer): void {
    const ack = () => this.#writer.frame(frame.ping, flag.ack, 0, data);
    if (!bandwidthPing.equals(data)) {
      ack();
      return;
    }
    // grpc-go sends no second one before the acknowledgement, so this client is not grpc-go.
    if (this.#latePing) {
      ack();
      return;
    }
    this.#latePing = setTimeout(() => {
      this.#latePing = undefined;
      this.#writer.frame(frame.ping, flag.ack, 0, bandwidthPing);
    }, bandwidthPingDelay);
  }

  /**
   * Sends the first GOAWAY, which still allows new streams, and a PING. Calls `then` when the PING is acknowledged, or
   * after 250 ms.
   */
  announceEnd(then: () => void): void {
    this.#writer.goAway(largestWindow, errorCode.NO_ERROR, '');
    this.#writer.frame(frame.ping, 0, 0, endPing);
    const timer = setTimeout(() => this.#endSeen?.(), endPingLimit);
    timer.unref();
    this.#endSeen = () => {
      clearTimeout(timer);
      this.#endSeen = undefined;
      then();
    };
  }
}

function floodError(): ConnectionError {
  return new ConnectionError('ENHANCE_YOUR_CALM', 'too many frames that bring nothing forward');
}

function checkConnectionFrame(what: string, streamId: number): void {
  if (streamId === 0) return;
  throw new ConnectionError('PROTOCOL_ERROR', `${what} for stream ${streamId}`);
}

function wrongLength(what: string): ConnectionError {
  return new ConnectionError('FRAME_SIZE_ERROR', `a ${what} frame of a wrong length`);
}
