/**
 * `node test/judges/conformance-server.ts own|grpc-js`: the server that the conformance suite of Connect starts.
 * It reads how to serve from standard input, says where it listens on standard output, and serves until it is
 * told to end.
 */
import { encode } from '../../src/grpc/codec.ts';
import { createGrpcServer, listen, serverKinds } from '../support/grpc-servers.ts';
import { codecOf } from './conformance-messages.ts';
import { conformanceService } from './conformance-service.ts';

const kind = serverKinds.find((known) => known === process.argv[2]);
if (!kind) throw new Error(`name the server to start: ${serverKinds.join(' or ')}`);

const request = codecOf<{ messageReceiveLimit: number }>('ServerCompatRequest');
const response = codecOf<{ host: string; port: number }>('ServerCompatResponse');

// The suite ends this process, unless the suite itself is killed.
setTimeout(() => process.exit(1), 5 * 60_000).unref();

const { messageReceiveLimit } = await readDelimited();
const server = createGrpcServer<undefined>(kind, {
  methods: conformanceService(),
  limits: messageReceiveLimit > 0 ? { message: messageReceiveLimit } : {},
  defect: (error, path) => console.error(path, error),
});
const host = '127.0.0.1';
const { port } = await listen({ host, port: 0 }, (socket) => server.serve(socket, undefined));
const bytes = encode(response, { host, port });
const length = Buffer.alloc(4);
length.writeUInt32BE(bytes.length);
process.stdout.write(Buffer.concat([length, bytes]));

/** Reads one message, which four bytes with its length precede. */
async function readDelimited() {
  let all = Buffer.alloc(0);
  for await (const chunk of process.stdin) {
    all = Buffer.concat([all, chunk]);
    if (all.length < 4) continue;
    const end = 4 + all.readUInt32BE(0);
    if (all.length >= end) return request.decode(all, 4, end);
  }
  throw new Error('standard input ended before the request');
}
