/**
 * `node bench/batch-ingest.ts`: compares bulk publishes of 100 messages, four at a time, by nats-server's
 * fast batch ingest and by pipelined publishes. docs/decisions/0009-performance-experiments.md has the
 * result, and why this component does not use batch ingest.
 */
import { startFastIngest } from '@nats-io/jetstream/internal';
import { createInbox, headers, type MsgHdrs, type NatsConnection } from '@nats-io/transport-node';
import { NatsServer } from '../test/support/nats-server.ts';
import { median } from './median.ts';
import { endAtSignals } from './stop.ts';

const batch = 100;
const callers = 4;
const batches = 100;
const rounds = 5;
const data = Buffer.alloc(735, 'x');

type Send = (nats: NatsConnection, sets: MsgHdrs[]) => Promise<void>;

/** One reply subject; done when all have been confirmed. */
const pipelined: Send = (nats, sets) =>
  new Promise((resolve, reject) => {
    const inbox = createInbox();
    let left = sets.length;
    const replies = nats.subscribe(inbox, {
      callback: (error, reply) => {
        if (error || !reply.string().startsWith('{"stream":')) reject(new Error(reply.string()));
        if (--left > 0) return;
        replies.unsubscribe();
        resolve();
      },
    });
    for (const set of sets) nats.publish('orders', data, { reply: inbox, headers: set });
  });

/** Two round trips: the server must have taken the first message before the others. */
const fastIngest: Send = async (nats, sets) => {
  const options = (set: MsgHdrs | undefined) => (set ? { msgID: set.get('Nats-Msg-Id') } : {});
  const ingest = await startFastIngest(nats, 'orders', data, {
    ackInterval: batch,
    maxOutstandingAcks: 2,
    allowGaps: false,
    ...options(sets[0]),
  });
  for (const set of sets.slice(1, -1)) void ingest.add('orders', data, options(set));
  const { count } = (await ingest.last('orders', data, options(sets.at(-1)))) as { count?: number };
  if (count !== sets.length) throw new Error(`stored ${count} of ${sets.length}`);
};

endAtSignals();
let number = 0;

async function rate(nats: NatsConnection, send: Send): Promise<number> {
  const started = performance.now();
  const caller = async () => {
    for (let index = 0; index < batches; index++) {
      const sets = Array.from({ length: batch }, () => {
        const set = headers();
        set.set('Nats-Msg-Id', `${process.pid}-${++number}`);
        return set;
      });
      await send(nats, sets);
    }
  };
  await Promise.all(Array.from({ length: callers }, caller));
  return (callers * batches * batch * 1000) / (performance.now() - started);
}

await using server = await NatsServer.start();
await server.api.streams.add({ name: 'orders', subjects: ['orders'], allow_batched: true });
const rates = { pipelined: [] as number[], 'fast ingest': [] as number[] };
for (let round = 0; round <= rounds; round++) {
  for (const [name, send] of [
    ['pipelined', pipelined],
    ['fast ingest', fastIngest],
  ] as const) {
    const found = await rate(server.client, send);
    // The first round warms up.
    if (round > 0) rates[name].push(found);
    await server.api.streams.purge('orders');
  }
}
for (const [name, found] of Object.entries(rates)) {
  console.log(
    `${name.padEnd(12)} ${Math.round(median(found)).toLocaleString('en')} messages a second`,
  );
}
