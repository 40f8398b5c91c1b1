import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { component } from '../support/daprd.ts';
import { until } from '../support/wait.ts';
import { matrix, numbersOf, startOn, startStand, title } from './matrix.ts';

const messages = 20;

/** From the end until another replica has had the rest; ackWait is ten times as long. Milliseconds. */
const handOverLimit = 3_000;

/** daprd asks each second whether the app is well, and takes the first no for an answer. */
const healthChecks = [
  ...['--enable-app-health-check', '--app-health-check-path', '/healthz'],
  ...['--app-health-probe-interval', '1', '--app-health-threshold', '1'],
];

describe.each(matrix)(title, (combination) => {
  test.for(['daprd stopped in mid-delivery', 'an app that is not healthy any more'])(
    '%s: the rest is given back at once',
    async (what, { annotate }) => {
      const stops = what.startsWith('daprd');
      await using pair = await startStand(combination);
      const metadata = { ackWait: '30s' };
      let began = 0;
      const released = Promise.withResolvers<void>();
      const handle = () => {
        began++;
        return released.promise;
      };
      let healthy = true;
      const app = { handle, healthy: () => healthy };
      const args = stops ? [] : healthChecks;
      await using slow = await startOn(combination, pair, app, { metadata, args });
      for (let n = 0; n < messages; n++) await slow.daprd.publish('pubsub', 'orders', { n });
      await until('the handlers', () => began === (combination.parallel ? messages : 1));
      await using other = await startOn(combination, pair, {}, { metadata });

      healthy = false;
      if (!stops) await slow.daprd.child.line(/App entered un-healthy status/);
      const start = performance.now();
      const end = stops && slow.daprd.child.end('SIGTERM');
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
      await annotate(`all handled after ${took} ms, ${twice} of them twice`);
      // Only what was with a handler at that moment.
      expect(twice).toBeLessThanOrEqual(combination.parallel ? messages : 1);
      if (stops) return;

      // The other one has its subscription still.
      const subscribed = () =>
        pair.component.lines.filter((line) => /"subscribed"/.test(line)).length;
      expect(subscribed()).toBe(2);
      healthy = true;
      await until('a subscription once more', () => subscribed() === 3);
    },
  );
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
