import { createServer } from 'node:http2';
import type { Socket } from 'node:net';
import { Connection } from '../../src/grpc/http2/connection.ts';
import { Stream } from '../../src/grpc/http2/stream.ts';
import { defaultLimits } from '../../src/grpc/limits.ts';
import { Totals } from '../../src/grpc/totals.ts';
import type { ServerKind } from '../support/grpc-servers.ts';

const body = Buffer.from('a body');

/** A stream that is answered with 200 and a body when its request has arrived, whatever that is. */
class AnsweredStream extends Stream {
  onOpen(): void {}

  onData(_: Buffer, start: number, end: number): void {
    this.consumed(end - start);
  }

  onRemoteEnd(): void {
    this.connection.writer.headers(this.id, 0, 1, (encoder, target, at) =>
      encoder.status200(target, at),
    );
    this.sendData(body);
    this.sendTrailers(0, (_encoder, _target, at) => at);
  }

  onAbort(): void {}
  onWindow(): void {}
}

/** Returns what serves HTTP/2 on a socket: our own layer, or the one that grpc-js is built on. */
export function plainHttp2(kind: ServerKind, defect: (error: unknown) => void) {
  if (kind === 'grpc-js') return plainNode();
  const totals = new Totals();
  return (socket: Socket) => {
    new Connection(socket, {
      limits: defaultLimits,
      totals,
      readHead: () => undefined,
      openStream: (connection, id) => new AnsweredStream(connection, id),
      onClosed: () => {},
      onPressure: () => {},
      onDefect: defect,
    });
  };
}

function plainNode() {
  const server = createServer((request, response) => {
    request.resume();
    request.on('end', () => response.end(body));
  });
  server.on('sessionError', () => {});
  return (socket: Socket) => {
    socket.on('error', () => {});
    server.emit('connection', socket);
  };
}
