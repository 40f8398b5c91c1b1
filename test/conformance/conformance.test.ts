import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, test } from 'vitest';
import { startPair } from '../support/pair.ts';

/** Five minutes are the suite's own waits at worst; the rest is compiling it for the first time. */
const limit = 14 * 60_000;

const wanted = [
  ...['Init', 'Features', 'Publish', 'BulkPublish', 'PullMessages', 'Ping', 'Pause', 'Resume'].map(
    (method) => `TestContract/${method}`,
  ),
  ...['init', 'ping', 'subscribe', 'publish', 'bulkPublish', 'verify_read'].map(
    (part) => `TestPubSubConformance/${part}`,
  ),
  'TestPubSubConformance/multiple_handlers',
];

test("Dapr's conformance suite and daprd's own contract", { timeout: limit + 10_000 }, async () => {
  await using pair = await startPair();
  await pair.nats.stream('CONFORMANCE', 'conformance.>');
  const { code, output } = await goTest({
    CONFORMANCE_SOCKET: pair.component.socket,
    CONFORMANCE_NATS_URL: pair.nats.url,
  });
  const passed = new Set([...output.matchAll(/--- PASS: (\S+)/g)].map(([, name]) => name));
  expect(code, output).toBe(0);
  expect(wanted.filter((name) => !passed.has(name))).toEqual([]);
  // The suite would also pass if it had waited for nothing.
  expect(output.match(/adding to awaited messages/g)?.length).toBeGreaterThanOrEqual(10);
});

async function goTest(env: Record<string, string>): Promise<{ code: unknown; output: string }> {
  // -trimpath, so that packages compiled for the daprd build are taken from Go's cache.
  const args = ['test', '-trimpath', '-vet=off', '-count=1', '-timeout=13m', '-v', './...'];
  const child = spawn('go', args, {
    cwd: import.meta.dirname,
    env: { ...process.env, GOWORK: 'off', ...env },
    timeout: limit,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  }
  const failed = once(child, 'error').then(() => {
    throw new Error('the conformance suite is a Go program: install Go 1.26 or later from go.dev');
  });
  const [code] = await Promise.race([once(child, 'close'), failed]);
  return { code, output };
}
