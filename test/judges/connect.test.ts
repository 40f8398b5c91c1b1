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
      // The suite's own client rejects every status of grpc-js, which sends a grpc-message with status 0 and pads
      // grpc-status-details-bin. Most cases also run with the client of grpc-go.
      '**/(grpc client impl)/**',
      'Timeouts/**',
      'Unexpected Requests/**',
      'gRPC Unexpected Requests/**',
    ],
    // The server has no limit for the size of a message.
    skip: ['Server Message Size/**'],
    knownFailing: [
      // A request that ends in the middle of a message is answered with OK.
      'gRPC Unexpected Requests/**/client-stream/incomplete-message',
      'gRPC Unexpected Requests/**/client-stream/incomplete-message-prefix',
      // The compressed flag is ignored if no compression is named.
      'gRPC Unexpected Requests/**/unexpected-compressed-message',
      // An unknown compression is answered with INTERNAL, not UNIMPLEMENTED.
      'gRPC Unexpected Requests/**/unexpected-compression',
      // Every HTTP method and every message format is accepted.
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
