import type { Socket } from 'node:net';
import { Writable } from 'node:stream';
import { FrameWriter } from '../../src/grpc/http2/frame-writer.ts';
import { Output } from '../../src/grpc/http2/output.ts';
import { ReceiveWindow } from '../../src/grpc/http2/receive-window.ts';
import { SendWindows } from '../../src/grpc/http2/send-windows.ts';
import { Stream, type StreamConnection } from '../../src/grpc/http2/stream.ts';
import { defaultLimits, type Limits } from '../../src/grpc/limits.ts';
import { Totals } from '../../src/grpc/totals.ts';
import { type Frame, parseFrames } from './grpc-frames.ts';

/** What the parts of a connection work on, without a peer. What they write is read with {@link frames}. */
export class FakeConnection implements StreamConnection {
  readonly limits: Limits;
  readonly totals = new Totals();
  readonly writer: FrameWriter;
  readonly sendWindows = new SendWindows();
  readonly receiveWindow: ReceiveWindow;
  held = 0;
  queued = 0;
  /** Ids of the streams that have ended their side. */
  readonly ended: number[] = [];
  readonly #output: Output;
  #written: Buffer[] = [];

  constructor(limits: Partial<Limits> = {}) {
    this.limits = { ...defaultLimits, ...limits };
    const socket = new Writable({
      write: (chunk: Buffer, _, done) => {
        this.#written.push(Buffer.from(chunk));
        done();
      },
    });
    this.#output = new Output(socket as unknown as Socket, {
      limits: this.limits,
      totals: this.totals,
      onRoom: () => undefined,
      onPressure: () => undefined,
      onStalled: () => undefined,
    });
    this.writer = new FrameWriter(this.#output);
    this.receiveWindow = new ReceiveWindow(this.writer, 0, this.limits.connectionWindow);
  }

  /** Returns the frames that were written since the last time. */
  frames(): Frame[] {
    this.#output.flush();
    const written = Buffer.concat(this.#written);
    this.#written = [];
    return parseFrames(written);
  }

  sentData(stream: Stream, bytes: number): void {
    stream.sendWindow -= bytes;
    this.sendWindows.connection -= bytes;
  }

  pressure(): void {}

  finished(stream: Stream): void {
    this.ended.push(stream.id);
    stream.close();
  }
}

/** A stream that does nothing of its own, and says when it may send. */
export class FakeStream extends Stream {
  windows = 0;
  onOpen(): void {}
  onData(): void {}
  onRemoteEnd(): void {}
  onAbort(): void {}
  onWindow(): void {
    this.windows++;
  }
}
