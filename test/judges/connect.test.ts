import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { resolveBinary } from '../../tools/binaries.ts';
import { judgedServer, type ServerKind } from '../support/grpc-servers.ts';

/** Longest that the suite may take. Unit: milliseconds. */
const limit = 90_000;

/** What is asked of a server. Patterns are those of the suite; a case that is known to fail has to fail. */
interface Expectation {
  total: number;
  /** The cases that run; all of them if the list is empty. */
  run: string[];
  skip: string[];
  knownFailing: string[];
}

const expectations: Record<ServerKind, Expectation> = {
  own: { total: 198, run: [], skip: [], knownFailing: [] },
  'grpc-js': {
    total: 97,
    run: [
      // The suite's own client objects to every status of grpc-js: to the grpc-message of status 0, and to the
      // padding of grpc-status-details-bin. Most cases run with the client of grpc-go too.
      '**/(grpc client impl)/**',
      'Timeouts/**',
      'Unexpected Requests/**',
      'gRPC Unexpected Requests/**',
    ],
    // No limit is set for a message.
    skip: ['Server Message Size/**'],
    knownFailing: [
      // The server answers a request that ends within a message as if that message had not begun.
      'gRPC Unexpected Requests/**/client-stream/incomplete-message',
      'gRPC Unexpected Requests/**/client-stream/incomplete-message-prefix',
      // The server reads a message as it is that is marked as compressed while no compression is named.
      'gRPC Unexpected Requests/**/unexpected-compressed-message',
      // The server says INTERNAL of a compression that it does not know.
      'gRPC Unexpected Requests/**/unexpected-compression',
      // The server serves any HTTP method and any format.
      'gRPC Unexpected Requests/**/unexpected-codec',
      'gRPC Unexpected Requests/**/unexpected-verb',
    ],
  },
};

test(`Connect's conformance suite on the ${judgedServer()} server`, async () => {
  const kind = judgedServer();
  const { total, run, skip, knownFailing } = expectations[kind];
  const flags = { run, skip, 'known-failing': knownFailing };
  const { code, output } = await execute(await resolveBinary('connectconformance'), [
    ...['--mode', 'server', '--conf', join(import.meta.dirname, 'connect.yaml')],
    ...Object.entries(flags).flatMap(([flag, patterns]) =>
      patterns.flatMap((pattern) => [`--${flag}`, pattern]),
    ),
    // The command that starts the server.
    ...['--', process.execPath, join(import.meta.dirname, 'conformance-server.ts'), kind],
  ]);
  expect(code, output).toBe(0);
  expect(output).toContain(`Total cases: ${total}\n`);
});

async function execute(file: string, args: string[]): Promise<{ code: unknown; output: string }> {
  const child = spawn(file, args, { timeout: limit, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  }
  const [code] = await once(child, 'close');
  return { code, output };
}
