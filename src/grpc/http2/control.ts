import type { Limits } from '../limits.ts';
import { FrameBudget } from './frame-budget.ts';
import {
  ConnectionError,
  errorCode,
  flag,
  frame,
  frameHeaderSize,
  initialWindow,
  largestWindow,
  readUint31,
  writeFrameHeader,
  writeUint32,
} from './frames.ts';
import type { Output } from './output.ts';
import { ownSettings, type PeerSettings, readSettings } from './peer-settings.ts';

/** What grpc-go sends to measure the bandwidth; until it is acknowledged, grpc-go sends no other. */
const bandwidthPing = Buffer.from([0x02, 0x04, 0x10, 0x10, 0x09, 0x0e, 0x07, 0x07]);

/**
 * How late that PING is acknowledged. At once, each publish of a lone caller would cost one more read and one
 * more write on both sides. Unit: milliseconds.
 */
const bandwidthPingDelay = 25;

/** Sent with the first GOAWAY of a graceful end: when it comes back, the peer has seen that GOAWAY. */
const goAwayPing = Buffer.from('goodbye!');

/** How long that may take. Unit: milliseconds. */
const goAwayPingLimit = 250;

export interface ControlEvents {
  /** Called with each SETTINGS of the peer, before it is acknowledged. */
  settings(settings: PeerSettings): void;
  /** Called when the peer's first SETTINGS have not come in time. */
  late(): void;
}

/** The frames that are about the connection itself, and the budget for those that bring nothing forward. */
export class Control {
  readonly #output: Output;
  readonly #events: ControlEvents;
  readonly #budget: FrameBudget;
  #settingsSeen = false;
  readonly #handshake: NodeJS.Timeout;
  #latePing: NodeJS.Timeout | undefined;
  #goAwaySeen: (() => void) | undefined;

  constructor(output: Output, limits: Limits, events: ControlEvents) {
    this.#output = output;
    this.#events = events;
    this.#budget = new FrameBudget(limits.idleFrames, limits.idleFramesPerSecond);
    this.#handshake = setTimeout(() => events.late(), limits.handshake);
    this.#handshake.unref();
    this.send(frame.settings, 0, 0, ownSettings(limits));
    this.windowUpdate(0, limits.connectionWindow - initialWindow);
  }

  stop(): void {
    clearTimeout(this.#handshake);
    clearTimeout(this.#latePing);
    this.#goAwaySeen = undefined;
  }

  /** @throws ConnectionError when the budget is spent */
  spend(): void {
    if (this.#budget.spend()) return;
    throw new ConnectionError('ENHANCE_YOUR_CALM', 'too many frames that bring nothing forward');
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

  /** Takes SETTINGS, PING and every type that a client does not send. */
  frame(
    type: number,
    flags: number,
    streamId: number,
    bytes: Buffer,
    start: number,
    end: number,
  ): void {
    const ack = (flags & flag.ack) !== 0;
    if (type === frame.settings) {
      checkConnectionFrame('SETTINGS', streamId);
      if (ack && end > start) throw wrongLength('SETTINGS');
      if (!ack) this.#settings(readSettings(bytes, start, end));
    } else if (type === frame.ping) {
      checkConnectionFrame('PING', streamId);
      if (end - start !== 8) throw wrongLength('PING');
      if (!ack) this.#ping(bytes.subarray(start, end));
      else if (goAwayPing.equals(bytes.subarray(start, end))) this.#goAwaySeen?.();
    } else if (type === frame.pushPromise) {
      throw new ConnectionError('PROTOCOL_ERROR', 'a client does not push');
    }
    // Unknown types are ignored (RFC 9113, 5.5).
    this.spend();
  }

  goAway(streamId: number, length: number): void {
    checkConnectionFrame('GOAWAY', streamId);
    if (length < 8) throw wrongLength('GOAWAY');
    this.spend();
  }

  /** Checks a PRIORITY frame, which means nothing any more (RFC 9113, 5.3). Returns false for a stream error. */
  priority(streamId: number, bytes: Buffer, start: number, end: number): boolean {
    if (streamId === 0) throw new ConnectionError('PROTOCOL_ERROR', 'PRIORITY for the connection');
    this.spend();
    return end - start === 5 && readUint31(bytes, start) !== streamId;
  }

  #settings(settings: PeerSettings): void {
    clearTimeout(this.#handshake);
    this.#settingsSeen = true;
    this.#events.settings(settings);
    this.send(frame.settings, flag.ack, 0, Buffer.alloc(0));
  }

  #ping(data: Buffer): void {
    const ack = () => this.send(frame.ping, flag.ack, 0, data);
    if (!bandwidthPing.equals(data)) {
      ack();
      return;
    }
    // A second one is another client's, to which it means something else.
    if (this.#latePing) {
      ack();
      return;
    }
    this.#latePing = setTimeout(() => {
      this.#latePing = undefined;
      this.send(frame.ping, flag.ack, 0, bandwidthPing);
    }, bandwidthPingDelay);
  }

  /** Sends a frame. Its payload is not changed any more. */
  send(type: number, flags: number, streamId: number, payload: Buffer): void {
    const at = this.#output.reserve(frameHeaderSize);
    writeFrameHeader(this.#output.block, at, payload.length, type, flags, streamId);
    if (payload.length > 0) this.#output.append(payload);
  }

  windowUpdate(streamId: number, increment: number): void {
    const at = this.#output.reserve(frameHeaderSize + 4);
    writeFrameHeader(this.#output.block, at, 4, frame.windowUpdate, 0, streamId);
    writeUint32(this.#output.block, at + frameHeaderSize, increment);
  }

  reset(streamId: number, code: number): void {
    const at = this.#output.reserve(frameHeaderSize + 4);
    writeFrameHeader(this.#output.block, at, 4, frame.rstStream, 0, streamId);
    writeUint32(this.#output.block, at + frameHeaderSize, code);
  }

  sendGoAway(lastStreamId: number, code: number, reason: string): void {
    const text = Buffer.from(reason, 'latin1');
    const payload = Buffer.alloc(8 + text.length);
    payload.writeUInt32BE(lastStreamId, 0);
    payload.writeUInt32BE(code, 4);
    text.copy(payload, 8);
    this.send(frame.goAway, 0, 0, payload);
  }

  /**
   * Says that the end comes, without refusing what the peer has sent already. Calls `then` when the peer has seen
   * that, or after 250 ms.
   */
  goAwayAfterAll(then: () => void): void {
    this.sendGoAway(largestWindow, errorCode.NO_ERROR, '');
    this.send(frame.ping, 0, 0, goAwayPing);
    const timer = setTimeout(() => this.#goAwaySeen?.(), goAwayPingLimit);
    timer.unref();
    this.#goAwaySeen = () => {
      clearTimeout(timer);
      this.#goAwaySeen = undefined;
      then();
    };
  }
}

function checkConnectionFrame(what: string, streamId: number): void {
  if (streamId === 0) return;
  throw new ConnectionError('PROTOCOL_ERROR', `${what} for stream ${streamId}`);
}

function wrongLength(what: string): ConnectionError {
  return new ConnectionError('FRAME_SIZE_ERROR', `a ${what} frame of a wrong length`);
}
