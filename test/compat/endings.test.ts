import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { component } from '../support/daprd.ts';
import { until } from '../support/wait.ts';
import { matrix, numbersOf, startOn, startStand, title } from './matrix.ts';

const messages = 20;

/** From the signal until another replica has had the rest; ackWait is ten times as long. Milliseconds. */
const handOverLimit = 3_000;

describe.each(matrix)(title, (combination) => {
  test('daprd stopped in mid-delivery: the rest is given back at once', async ({ annotate }) => {
    await using pair = await startStand(combination);
    const metadata = { ackWait: '30s' };
    let began = 0;
    const released = Promise.withResolvers<void>();
    const handle = () => {
      began++;
      return released.promise;
    };
    await using slow = await startOn(combination, pair, { handle }, { metadata });
    for (let n = 0; n < messages; n++) await slow.daprd.publish('pubsub', 'orders', { n });
    await until('the handlers', () => began === (combination.parallel ? messages : 1));
    await using other = await startOn(combination, pair, {}, { metadata });

    const start = performance.now();
    const end = slow.daprd.child.end('SIGTERM');
    // What a handler still needs.
    setTimeout(released.resolve, 300);
    const handled = () => [...numbersOf(slow.app), ...numbersOf(other.app)];
    await until('every message', () => new Set(handled()).size === messages, handOverLimit);
    const took = (performance.now() - start).toFixed(0);
    await end;
    const info = () => pair.nats.api.consumers.info('ORDERS', 'app-orders');
    await until('nothing unsettled', async () => (await info()).num_ack_pending === 0);
    await until('the handlers that ran', () => slow.app.received.length === began);
    const twice = handled().length - messages;
    await annotate(`all handled ${took} ms after the signal, ${twice} of them twice`);
    // Only what was with a handler at that moment.
    expect(twice).toBeLessThanOrEqual(combination.parallel ? messages : 1);
  });
});

const reloading = matrix.filter(({ reloads }) => reloads !== 'never');

describe.each(reloading)(title, (combination) => {
  test('a Component that is changed while daprd runs takes effect, and loses nothing', async () => {
    await using pair = await startStand(combination);
    const features = combination.reloads === 'feature' ? ['HotReload'] : [];
    const metadata = { ackWait: '20s' };
    await using sidecar = await startOn(combination, pair, {}, { metadata, features });
    const ackWait = async () => {
      const { config } = await pair.nats.api.consumers.info('ORDERS', 'app-orders');
      return (config.ack_wait ?? 0) / 1e9;
    };
    await until('the first setting', async () => (await ackWait()) === 20);
    await sidecar.daprd.publish('pubsub', 'orders', { n: 1 });
    await sidecar.app.count(1);
    const changed = component('pubsub', { natsURL: pair.nats.url, ackWait: '7s' });
    await writeFile(join(sidecar.daprd.resources, '0.yaml'), stringify(changed));
    await until('the new setting', async () => (await ackWait()) === 7);
    await until('publishing', () =>
      sidecar.daprd.publish('pubsub', 'orders', { n: 2 }).then(() => true),
    );
    await sidecar.app.count(2);
    expect(numbersOf(sidecar.app)).toEqual([1, 2]);
  });
});
