import { join } from 'node:path';
import { expect, test } from 'vitest';
import { goTest, goTestLimit } from '../support/go-test.ts';
import { createGrpcServer, judgedServer, listen } from '../support/grpc-servers.ts';
import { temporaryFolder } from '../support/temp.ts';
import { testService } from './test-service.ts';

/** Each case runs with the windows that grpc-go adapts, as daprd does, and with windows that stay small. */
const windows = ['adaptive', 'small'];

const cases = [
  // Of the interoperability suite of gRPC.
  'empty_unary',
  'large_unary',
  'client_streaming',
  'server_streaming',
  'ping_pong',
  'empty_stream',
  'timeout_on_sleeping_server',
  'cancel_after_begin',
  'cancel_after_first_response',
  'status_code_and_message',
  'special_status_message',
  'custom_metadata',
  'unimplemented_method',
  'unimplemented_service',
  'pick_first_unary',
  'rpc_soak',
  'channel_soak',
  // Our own, with the client that daprd is.
  'half_duplex',
  'large_unary_at_once',
  'huge_unary',
  'slow_reader',
  'many_streams',
  'metadata_over_several_frames',
];

test(`gRPC interoperability of the ${judgedServer()} server with grpc-go`, {
  timeout: goTestLimit + 10_000,
}, async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, 'socket');
  const defects: unknown[] = [];
  const server = createGrpcServer<undefined>(judgedServer(), {
    methods: testService(),
    defect: (error) => defects.push(error),
  });
  await using _ = await listen({ path }, (socket) => server.serve(socket, undefined));

  const { code, output } = await goTest({
    folder: join(import.meta.dirname, 'interop'),
    what: 'the interoperability tests of gRPC are Go code',
    env: { INTEROP_SOCKET: path },
  });
  const passed = new Set(
    [...output.matchAll(/--- PASS: TestInterop\/(\S+)/g)].map(([, name]) => name),
  );
  const wanted = windows.flatMap((window) => cases.map((name) => `${window}/${name}`));
  expect(
    wanted.filter((name) => !passed.has(name)),
    output,
  ).toEqual([]);
  expect(code, output).toBe(0);
  expect(defects).toEqual([]);
});
