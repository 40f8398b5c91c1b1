import { data, grpcMessage, initialWindow, setting } from '../http2/frames.ts';
import type { Header } from '../http2/hpack.ts';
import { Http2Client } from '../http2-client.ts';
import { bulkRequest, initRequest, publishRequest, pullRequest } from '../messages.ts';
import { until } from '../wait.ts';
import { type Attack, cutOff, inFrames, openInitialised } from './attack.ts';

const component: Header = ['x-component-instance', 'flood'];

const properties = (count: number) =>
  Object.fromEntries(Array.from({ length: count }, (_, index) => [`k${index}`, '']));

/** Sends a whole request as fast as the windows allow. Returns the outcome of the call. */
async function sendWhole(
  client: Http2Client,
  method: string,
  message: Uint8Array,
): Promise<string> {
  const stream = client.begin(method, [component]);
  const window = client.setting(setting.INITIAL_WINDOW_SIZE, initialWindow);
  let sent = 0;
  for (const part of inFrames(stream, grpcMessage(message))) {
    sent += part.length;
    const room = () => window + client.credited(stream) >= sent || cutOff(client) !== undefined;
    const ended = () => client.events.some((event) => event.stream === stream);
    await until('room', () => room() || ended());
    await client.push(part);
  }
  return client.outcome(stream, 5_000);
}

/** Sends the same request four times, one after the other. */
const fourTimes =
  (method: string, make: (target: { natsURL: string }) => Uint8Array): Attack =>
  async (target, note) => {
    using client = await openInitialised(target, 'flood', { credit: true });
    const message = make(target);
    for (let count = 0; count < 4; count++) note(await sendWhole(client, method, message));
  };

/** Returns heavy requests with `count` parts each. */
const manyParts = (count: number, name: string): Record<string, Attack> => ({
  [`bulk publishes of ${name} empty entries`]: fourTimes('BulkPublish', () =>
    bulkRequest('flood', count),
  ),
  [`publishes with ${name} metadata fields`]: fourTimes('Publish', () =>
    publishRequest('flood', Buffer.from('x'), properties(count)),
  ),
  [`Inits with ${name} properties`]: fourTimes('Init', ({ natsURL }) =>
    initRequest({ ...properties(count), natsURL, consumerID: 'flood' }),
  ),
  [`subscriptions with ${name} metadata fields`]: fourTimes('PullMessages', () =>
    pullRequest({ topic: 'flood', metadata: properties(count) }),
  ),
});

/** Valid calls that cost much. */
export const contentFloods: Record<string, Attack> = {
  // The server refuses 260,000 parts in one message, and accepts 32,000.
  ...manyParts(260_000, '260,000'),
  ...manyParts(32_000, '32,000'),
  'bulk publishes of 10,000 messages of 1 KB': fourTimes('BulkPublish', () =>
    bulkRequest('flood', 10_000, Buffer.alloc(1_000, 'x')),
  ),
  'an Init with a server list of 1 MB': fourTimes('Init', ({ natsURL }) =>
    initRequest({ natsURL: Array<string>(40_000).fill(natsURL).join(','), consumerID: 'flood' }),
  ),
  '300 Components on one connection': async (target, note) => {
    using client = await Http2Client.open(target.socket);
    const calls = Array.from({ length: 300 }, (_, index) => {
      const properties = { natsURL: target.natsURL, consumerID: `flood-${index}` };
      return client.request('Init', initRequest(properties), [
        ['x-component-instance', `flood-${index}`],
      ]);
    });
    for (const stream of calls) note(await client.outcome(stream, 15_000));
  },
  '1,000 subscriptions on one connection': async (target, note) => {
    using client = await openInitialised(target, 'flood');
    for (let index = 0; index < 1_000; index++) {
      const stream = client.begin('PullMessages', [component]);
      client.send(data(stream, grpcMessage(pullRequest({ topic: `flood.${index}` }))));
    }
    await client.outcome(undefined, 4_000);
    note(cutOff(client) ?? 'goes on');
  },
  '20,000 publishes of a client that reads no answer': async (target, note) => {
    using client = await openInitialised(target, 'flood');
    client.socket.pause();
    const message = publishRequest('flood', Buffer.alloc(100, 'x'));
    const push = async () => {
      for (let count = 0; count < 20_000 && !cutOff(client); count++) {
        const stream = client.begin('Publish', [component]);
        await client.push(...inFrames(stream, grpcMessage(message)));
      }
    };
    await Promise.race([push(), new Promise((done) => setTimeout(done, 4_000))]);
    client.socket.resume();
    await client.outcome(undefined, 1_000);
    note(cutOff(client) ?? 'goes on');
  },
};
