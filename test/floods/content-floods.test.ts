import { test } from 'vitest';
import { contentFloods } from '../support/attacks/content-floods.ts';
import { bounded, flood } from '../support/flood.ts';
import { Neighbour } from '../support/neighbour.ts';
import { startPair } from '../support/pair.ts';

/** Any answer is allowed: the other clients count here. */
const anything = ['OK', 'INVALID_ARGUMENT', 'INTERNAL', 'UNAVAILABLE', 'goes on'];

test.each(Object.keys(contentFloods))('%s: bounded, and nobody else is harmed', async (name) => {
  await using pair = await startPair();
  await pair.nats.stream('FLOOD', 'flood', 'flood.*');
  await using neighbour = await Neighbour.start(pair, { newConnections: true });
  await flood({ pair, neighbour, name, growth: 250, allowed: [...bounded, ...anything] });
});
