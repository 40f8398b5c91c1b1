import { expect, test } from 'vitest';
import { useScene } from '../../support/hostile-cases.ts';
import { flag, frameType, ping } from '../../support/http2/frames.ts';
import type { Http2Client } from '../../support/http2-client.ts';
import { until } from '../../support/wait.ts';

const scene = useScene();

/** What grpc-go sends to measure the bandwidth. */
const bandwidthPing = Buffer.from('02041010090e0707', 'hex');

const acks = (client: Http2Client) => client.received(frameType.PING);

/** Sends one PING after the other. Returns how long each acknowledgement took, in milliseconds, in rising order. */
async function measure(client: Http2Client, data: (index: number) => Buffer): Promise<number[]> {
  const times: number[] = [];
  for (let index = 1; index <= 20; index++) {
    const start = performance.now();
    const arrived = new Promise<number>((done) => {
      client.socket.once('data', () => done(performance.now() - start));
    });
    client.send(ping(data(index)));
    times.push(await arrived);
    expect(acks(client)).toHaveLength(index);
    expect(acks(client).at(-1)).toMatchObject({ flags: flag.ACK, stream: 0, payload: data(index) });
  }
  return times.sort((one, other) => one - other);
}

test('acknowledges a PING at once, with its data', async () => {
  using client = await scene.open();
  const times = await measure(client, (index) => Buffer.alloc(8, index));
  // The median: others use this machine too.
  expect(times[10]).toBeLessThan(10);
});

test('acknowledges the PING by which grpc-go measures bandwidth within 25 ms', async () => {
  using client = await scene.open();
  const times = await measure(client, () => bandwidthPing);
  expect(times[10]).toBeLessThan(35);
});

test('acknowledges each of several PINGs once, whatever comes between them', async () => {
  using client = await scene.open();
  const other = Buffer.from('otherone');
  client.send(ping(bandwidthPing), ping(other), ping(bandwidthPing), ping(bandwidthPing));
  const call = client.request('Ping');
  client.send(ping(other));
  expect(await client.outcome(call)).toBe('OK');
  await until('five acknowledgements', () => acks(client).length >= 5);
  expect(await client.usable()).toBe('OK');
  const count = (data: Buffer) => acks(client).filter(({ payload }) => payload.equals(data)).length;
  expect([count(bandwidthPing), count(other)]).toEqual([3, 2]);
});

test('ignores an acknowledgement of a PING that it has not sent', async () => {
  using client = await scene.open();
  client.send(ping(Buffer.from('goodbye!'), flag.ACK), ping(bandwidthPing, flag.ACK));
  client.send(ping(Buffer.alloc(8), flag.ACK));
  expect(await client.usable()).toBe('OK');
  expect(acks(client)).toHaveLength(1);
});

test('a connection that is closed while a PING waits harms nobody', async () => {
  const clients = await Promise.all(Array.from({ length: 50 }, () => scene.open()));
  for (const client of clients) {
    client.send(ping(bandwidthPing));
    client.socket.end();
  }
  for (const client of clients) expect(await client.ends()).toBe(true);
});
