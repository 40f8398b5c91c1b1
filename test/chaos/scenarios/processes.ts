import { setTimeout as sleep } from 'node:timers/promises';
import { Tally } from '../../support/tally.ts';
import { until } from '../../support/wait.ts';
import { publishAll } from '../load.ts';
import { count, durable, makeStream, type Scenario, underLoad } from '../scenario.ts';
import { World } from '../world.ts';

const componentKilled: Scenario = {
  name: 'component-killed',
  title: 'component killed (-9) on both sides; a supervisor starts it, and then daprd, again',
  since: 'the component runs again',
  // Until then daprd has been asked, has shut down, and was started again.
  recoveryLimit: 15_000,
  notForBuiltIn: 'it has no process of its own',
  run: (context) =>
    underLoad({
      context,
      async fault({ sender, receiver }) {
        const pods = [sender, receiver].map(({ component }) => component);
        for (const component of pods) component?.child.signal('SIGKILL');
        await until('the component', () => pods.every((component) => component?.restarts === 1));
        return performance.now();
      },
    }),
};

const daprdKilled: Scenario = {
  name: 'daprd-killed',
  title: 'daprd killed (-9) in mid-delivery; a supervisor starts it again',
  since: 'daprd runs again',
  run: (context) =>
    underLoad({
      context,
      async fault({ receiver: { daprd } }) {
        const { pid } = daprd.child;
        daprd.child.signal('SIGKILL');
        await until('daprd', () => daprd.child.pid !== pid);
        return performance.now();
      },
    }),
};

const daprdStopped: Scenario = {
  name: 'daprd-stopped',
  title: 'daprd stopped (SIGTERM) in mid-delivery, beside another replica; ackWait 30 s',
  since: 'the stop, to what it had reaching the other replica',
  recoveryLimit: 1_000,
  async run(context) {
    const orders = 40;
    await using world = await World.start(context);
    await makeStream(world);
    const tally = new Tally();
    const first = { began: 0, at: 0 };
    const handle = async (data: unknown) => {
      first.began++;
      await sleep(200);
      tally.received((data as { orderId: number }).orderId);
    };
    const metadata = { ackWait: '30s', ...durable[context.peer] };
    const sender = await world.pod({ appId: 'sender' });
    const one = await world.pod({ appId: 'receiver', app: { handle }, metadata });
    await publishAll({ daprd: sender.daprd, topic: 'orders', tally }, orders);
    // All of them are with the first replica, so whatever the second gets was taken back.
    await until('a handler at work', () => tally.arrived >= 2);
    const other = await world.pod({
      appId: 'receiver',
      app: {
        handle: (data) => {
          if (first.at === 0) first.at = performance.now();
          tally.received((data as { orderId: number }).orderId);
        },
      },
      metadata,
    });
    await other.daprd.subscribed('orders');
    const before = tally.arrived;
    const stopped = performance.now();
    const end = one.daprd.stop();
    await tally.settled(60_000);
    await end;
    const { lost } = tally;
    const broken = before < orders ? [] : ['all was handled before the stop'];
    const recovery = lost > 0 || first.at === 0 ? 'never' : first.at - stopped;
    return { ...count(tally), recovery, broken };
  },
};

export const processScenarios = [componentKilled, daprdKilled, daprdStopped];
