import { afterAll, beforeAll, test } from 'vitest';
import { frameFloods } from '../support/attacks/frame-floods.ts';
import { flood } from '../support/flood.ts';
import { Neighbour } from '../support/neighbour.ts';
import { type Pair, startPair } from '../support/pair.ts';

const stack = new AsyncDisposableStack();
let pair: Pair;
let neighbour: Neighbour;

beforeAll(async () => {
  pair = stack.use(await startPair());
  neighbour = stack.use(await Neighbour.start(pair, { newConnections: true }));
});
afterAll(() => stack.disposeAsync());

test.each(Object.keys(frameFloods))('%s: cut off with ENHANCE_YOUR_CALM', async (name) => {
  const allowed = ['GOAWAY ENHANCE_YOUR_CALM'];
  await flood({ pair, neighbour, name, growth: 150, allowed });
});
