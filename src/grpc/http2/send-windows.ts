import { ConnectionError, initialWindow, largestWindow } from './frames.ts';
import type { Stream } from './stream.ts';

/**
 * The bytes of DATA that the peer takes: on the connection, and on a stream when it opens (RFC 9113, 5.2). Each
 * stream keeps its own window.
 */
export class SendWindows {
  /** What is left on the connection. */
  connection = initialWindow;
  /** What a stream has when it opens. */
  initial = initialWindow;
  /** Streams that have more to send than a window or the socket has taken. */
  readonly #waiting = new Set<Stream>();

  /** Has {@link Stream.sendQueued} and {@link Stream.onWindow} called when the peer may take more. */
  wait(stream: Stream): void {
    this.#waiting.add(stream);
  }

  forget(stream: Stream): void {
    this.#waiting.delete(stream);
  }

  /** @throws ConnectionError for a window that is too large */
  growConnection(increment: number): void {
    if (increment === 0) throw new ConnectionError('PROTOCOL_ERROR', 'a WINDOW_UPDATE of 0');
    this.connection += increment;
    checkWindow(this.connection);
    // Those who still wait when the window is used up have their turn next time.
    this.wake(() => this.connection > 0);
  }

  /** @returns the name of the error that the stream ends with, if any */
  growStream(
    stream: Stream,
    increment: number,
  ): 'PROTOCOL_ERROR' | 'FLOW_CONTROL_ERROR' | undefined {
    if (increment === 0) return 'PROTOCOL_ERROR';
    stream.sendWindow += increment;
    if (stream.sendWindow > largestWindow) return 'FLOW_CONTROL_ERROR';
    if (this.#waiting.delete(stream)) wakeStream(stream);
    return undefined;
  }

  /**
   * Takes a new SETTINGS_INITIAL_WINDOW_SIZE, which changes the windows of open streams too, also to below 0.
   *
   * @throws ConnectionError for a window that becomes too large
   */
  changeInitial(initial: number, open: Iterable<Stream>): void {
    const change = initial - this.initial;
    if (change === 0) return;
    this.initial = initial;
    for (const stream of open) {
      stream.sendWindow += change;
      checkWindow(stream.sendWindow);
    }
    if (change > 0) this.wake();
  }

  /** Lets the streams that wait send again, in the order in which they began to wait, as long as `goesOn` holds. */
  wake(goesOn: () => boolean = () => true): void {
    // A stream that goes on waiting is added at the end again.
    let left = this.#waiting.size;
    for (const stream of this.#waiting) {
      if (left-- === 0 || !goesOn()) return;
      this.#waiting.delete(stream);
      wakeStream(stream);
    }
  }
}

function wakeStream(stream: Stream): void {
  if (stream.closed) return;
  stream.sendQueued();
  if (!stream.closed) stream.onWindow();
}

function checkWindow(window: number): void {
  if (window <= largestWindow) return;
  throw new ConnectionError('FLOW_CONTROL_ERROR', 'a window above 2^31-1');
}
