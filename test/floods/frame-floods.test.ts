import { afterAll, beforeAll, test } from 'vitest';
import { frameFloods, workFloods } from '../support/attacks/frame-floods.ts';
import { bounded, flood } from '../support/flood.ts';
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

test.each(Object.keys(workFloods))('%s: bounded, and nobody else is harmed', async (name) => {
  await flood({ pair, neighbour, name, growth: 150, allowed: [...bounded, 'goes on'] });
});
