import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { expect, test, vi } from 'vitest';
import { Output } from '../../../src/grpc/http2/output.ts';
import { defaultLimits, type Limits } from '../../../src/grpc/limits.ts';
import { Totals } from '../../../src/grpc/totals.ts';
import { socketPair } from '../../support/socket-pair.ts';
import { until } from '../../support/wait.ts';

function newOutput(socket: Socket, limits: Partial<Limits> = {}, totals = new Totals()) {
  const onRoom = vi.fn();
  const onPressure = vi.fn();
  const onStalled = vi.fn();
  const options = {
    limits: { ...defaultLimits, ...limits },
    totals,
    onRoom,
    onPressure,
    onStalled,
  };
  return { output: new Output(socket, options), totals, onRoom, onPressure, onStalled };
}

/** Writes into the block, as frames are written. */
function put(output: Output, bytes: Buffer): void {
  const at = output.reserve(bytes.length);
  bytes.copy(output.block, at);
}

/** Bytes of which every place shows when it is out of order. */
function numbered(size: number, seed: number): Buffer {
  const bytes = Buffer.alloc(size);
  for (let at = 0; at + 4 <= size; at += 4) bytes.writeUInt32BE((seed * 1_000_003 + at) >>> 0, at);
  return bytes;
}

/** Collects what arrives from now on. */
function collect(client: Socket): { bytes: () => Buffer; length: () => number } {
  const chunks: Buffer[] = [];
  let length = 0;
  client.on('data', (chunk: Buffer) => {
    chunks.push(chunk);
    length += chunk.length;
  });
  client.resume();
  return { bytes: () => Buffer.concat(chunks), length: () => length };
}

/** Fills the socket, whose peer does not read. Returns what was put in. */
async function fill(output: Output, seed: number): Promise<Buffer> {
  const parts: Buffer[] = [];
  while (!output.busy) {
    parts.push(numbered(50_000, seed + parts.length));
    put(output, parts.at(-1) as Buffer);
    await undefined;
  }
  return Buffer.concat(parts);
}

test('everything arrives once and in order, however it is written and read', async () => {
  const piece = fc.record({
    size: fc.oneof(fc.nat(200), fc.constantFrom(16_383, 16_384, 65_536), fc.nat(100_000)),
    how: fc.constantFrom('put', 'append', 'trimmed'),
    after: fc.constantFrom('go on', 'go on', 'turn', 'read'),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(piece, { maxLength: 30 }), async (pieces) => {
      await using pair = await socketPair();
      const { output, totals } = newOutput(pair.server);
      const arrived = collect(pair.client);
      pair.client.pause();
      const written: Buffer[] = [];
      for (const { size, how, after } of pieces) {
        const bytes = numbered(size, written.length);
        written.push(bytes);
        if (how === 'append') output.append(bytes);
        else if (how === 'put') put(output, bytes);
        else {
          const at = output.reserve(size + 100);
          bytes.copy(output.block, at);
          output.trim(at + size);
        }
        if (after !== 'go on') await undefined;
        if (after === 'read') {
          pair.client.resume();
          await new Promise((done) => setImmediate(done));
          pair.client.pause();
        }
      }
      pair.client.resume();
      const all = Buffer.concat(written);
      await until('all of it', () => arrived.length() >= all.length);
      expect(arrived.bytes().equals(all)).toBe(true);
      await until('room', () => !output.busy && output.unwritten === 0);
      output.flush();
      expect(totals.unwritten).toBe(0);
    }),
    { numRuns: 20 },
  );
});

test('what is written in one turn is one write, after what is running', async () => {
  await using pair = await socketPair();
  const { output } = newOutput(pair.server);
  const write = vi.spyOn(pair.server, 'write');
  for (const text of ['a', 'b', 'c']) put(output, Buffer.from(text));
  output.append(Buffer.from('d'));
  expect(write).not.toHaveBeenCalled();
  await undefined;
  expect(write).toHaveBeenCalledTimes(1);
  await undefined;
  expect(write).toHaveBeenCalledTimes(1);
});

test('a peer that does not read makes it busy; once it has taken all there is room, once', async () => {
  await using pair = await socketPair();
  const { output, onRoom, totals } = newOutput(pair.server);
  pair.client.pause();
  const before = performance.now();
  expect(output.busySince).toBe(Number.POSITIVE_INFINITY);
  const first = await fill(output, 1);
  expect(output.busySince).toBeGreaterThanOrEqual(before);
  expect(pair.server.writableLength).toBeGreaterThan(0);
  // Nothing more is handed to the socket.
  const inSocket = pair.server.writableLength;
  const second = numbered(300_000, 77);
  put(output, second.subarray(0, 1_000));
  output.append(second.subarray(1_000));
  await undefined;
  expect(pair.server.writableLength).toBe(inSocket);
  expect(output.unwritten).toBe(inSocket + second.length);
  expect(totals.unwritten).toBe(output.unwritten);
  expect(onRoom).not.toHaveBeenCalled();
  const arrived = collect(pair.client);
  await until('room', () => onRoom.mock.calls.length > 0);
  expect(output.busy).toBe(false);
  const all = Buffer.concat([first, second]);
  await until('all of it', () => arrived.length() >= all.length);
  expect(arrived.bytes().equals(all)).toBe(true);
  expect(onRoom).toHaveBeenCalledTimes(1);
  expect(totals.unwritten).toBe(0);
});

test('bytes that wait in a socket are not written over by other connections', async () => {
  await using slow = await socketPair();
  await using quick = await socketPair();
  const { output: held } = newOutput(slow.server);
  slow.client.pause();
  const first = await fill(held, 1);
  const { output: other } = newOutput(quick.server);
  const quickly = collect(quick.client);
  let length = 0;
  for (let turn = 0; turn < 40; turn++) {
    put(other, Buffer.alloc(60_000, 0xaa));
    length += 60_000;
    await undefined;
    await new Promise((done) => setImmediate(done));
  }
  const second = numbered(70_000, 50);
  put(held, second.subarray(0, 60_000));
  put(held, second.subarray(60_000));
  const slowly = collect(slow.client);
  const all = Buffer.concat([first, second]);
  await until('all of both', () => slowly.length() >= all.length && quickly.length() >= length);
  expect(slowly.bytes().equals(all)).toBe(true);
  expect(quickly.bytes().every((byte) => byte === 0xaa)).toBe(true);
});

test('more for all sockets together than allowed is pressure, and a connection that is over has none', async () => {
  await using pair = await socketPair();
  const totals = new Totals();
  totals.unwritten = 900_000;
  const { output, onPressure } = newOutput(pair.server, { unwrittenOfProcess: 1_500_000 }, totals);
  pair.client.pause();
  await fill(output, 1);
  onPressure.mockClear();
  const mine = totals.unwritten - 900_000;
  expect(mine).toBe(output.unwritten);
  output.append(Buffer.alloc(600_000));
  await undefined;
  expect(onPressure).toHaveBeenCalledTimes(1);
  output.discard();
  expect(totals.unwritten).toBe(900_000);
});

test('a peer that takes nothing for too long is stalled; one that reads in time is not', async () => {
  await using pair = await socketPair();
  await using other = await socketPair();
  const stalled = newOutput(pair.server, { stalled: 20 });
  pair.client.pause();
  await fill(stalled.output, 1);
  const reading = newOutput(other.server, { stalled: 20 });
  other.client.pause();
  await fill(reading.output, 1);
  other.client.resume();
  await until('onStalled', () => stalled.onStalled.mock.calls.length > 0);
  await sleep(30);
  expect(stalled.onStalled).toHaveBeenCalledTimes(1);
  expect(reading.onStalled).not.toHaveBeenCalled();
});

test('nothing is written to a socket that has ended or closed', async () => {
  for (const how of ['end', 'destroy'] as const) {
    await using pair = await socketPair();
    const { output, totals } = newOutput(pair.server);
    pair.server[how]();
    const write = vi.spyOn(pair.server, 'write');
    put(output, Buffer.from('x'));
    output.append(Buffer.alloc(100_000));
    await undefined;
    expect(write).not.toHaveBeenCalled();
    expect(totals.unwritten).toBe(0);
  }
});
