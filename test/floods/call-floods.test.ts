import { expect, test } from 'vitest';
import { callFloods } from '../support/attacks/call-floods.ts';
import { bounded, flood } from '../support/flood.ts';
import { setting } from '../support/http2/frames.ts';
import { Http2Client } from '../support/http2-client.ts';
import { Neighbour } from '../support/neighbour.ts';
import { startPair } from '../support/pair.ts';

/** The server may serve these calls if that harms nobody. */
const served = ['OK', 'DEADLINE_EXCEEDED', 'UNIMPLEMENTED', 'RST_STREAM NO_ERROR', 'goes on'];

test.each(Object.keys(callFloods))('%s: bounded, and nobody else is harmed', async (name) => {
  await using pair = await startPair();
  await pair.nats.stream('FLOOD', 'flood');
  await using neighbour = await Neighbour.start(pair, { newConnections: true });
  await flood({ pair, neighbour, name, growth: 150, allowed: [...bounded, ...served] });
});

test('says how many streams it takes', async () => {
  await using pair = await startPair();
  using client = await Http2Client.open(pair.component.socket);
  expect(client.setting(setting.MAX_CONCURRENT_STREAMS, Number.POSITIVE_INFINITY)).toBeLessThan(
    10_000,
  );
});
