import { expect, test } from 'vitest';
import { goTest, goTestLimit } from '../support/go-test.ts';
import { startPair } from '../support/pair.ts';

const wanted = [
  ...['Init', 'Features', 'Publish', 'BulkPublish', 'PullMessages', 'Ping', 'Pause', 'Resume'].map(
    (method) => `TestContract/${method}`,
  ),
  ...['init', 'ping', 'subscribe', 'publish', 'bulkPublish', 'verify_read'].map(
    (part) => `TestPubSubConformance/${part}`,
  ),
  'TestPubSubConformance/multiple_handlers',
];

test("Dapr's conformance suite and daprd's own contract", {
  timeout: goTestLimit + 10_000,
}, async () => {
  await using pair = await startPair();
  await pair.nats.stream('CONFORMANCE', 'conformance.>');
  const { code, output } = await goTest({
    folder: import.meta.dirname,
    what: 'the conformance suite is a Go program',
    env: { CONFORMANCE_SOCKET: pair.component.socket, CONFORMANCE_NATS_URL: pair.nats.url },
  });
  const passed = new Set([...output.matchAll(/--- PASS: (\S+)/g)].map(([, name]) => name));
  expect(code, output).toBe(0);
  expect(wanted.filter((name) => !passed.has(name))).toEqual([]);
  // The suite would also pass if it had waited for nothing.
  expect(output.match(/adding to awaited messages/g)?.length).toBeGreaterThanOrEqual(10);
});
