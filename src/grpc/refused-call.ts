import { responseBlock, roomFor } from './call.ts';
import type { CallHead } from './call-head.ts';
import type { StreamConnection } from './http2/stream.ts';
import { Stream } from './http2/stream.ts';
import { percentEncode } from './metadata.ts';

/** A request that no method serves: answered at once, with one header block. */
export class RefusedCall extends Stream {
  override readonly served = false;
  readonly #head: Exclude<CallHead, { kind: 'call' }>;

  constructor(connection: StreamConnection, id: number, head: Exclude<CallHead, { kind: 'call' }>) {
    super(connection, id);
    this.#head = head;
  }

  onOpen(): void {
    const head = this.#head;
    if (head.kind === 'http') {
      this.sendTrailers(32, (encoder, target, at) =>
        encoder.literal(target, at, ':status', head.status),
      );
      return;
    }
    const fields = [
      ['grpc-status', `${head.status.code}`],
      ['grpc-message', percentEncode(head.status.message ?? '')],
      ...(head.metadata ?? []),
    ] as [string, string][];
    this.sendTrailers(roomFor(fields), responseBlock(fields));
  }

  onData(): void {}
  onRemoteEnd(): void {}
  onAbort(): void {}
  onWindow(): void {}
}
