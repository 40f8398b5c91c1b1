import { expect, test } from 'vitest';
import { sameCreation } from '../../../src/jetstream/consumer.ts';

test.each([
  ['2026-11-25T09:56:31.226970162Z', '2026-11-25T09:56:31.226970162Z', true],
  // As nats-server 2.10.29 told them before and after a restart.
  ['2026-11-25T09:56:31.226970162Z', '2026-11-25T09:56:31.22705538Z', true],
  ['2026-11-25T09:57:01.780446615Z', '2026-11-25T09:57:01.780620495Z', true],
  ['2026-11-25T09:56:31.226970162Z', '2026-11-25T09:56:31.240000000Z', false],
  ['2026-11-25T09:56:31.226970162Z', '2026-11-25T09:56:31.220000000Z', false],
  ['2026-11-25T09:56:31.226970162Z', '2026-11-26T09:56:31.226970162Z', false],
])('a consumer created at %s and one at %s: the same is %s', (before, now, same) => {
  expect(sameCreation(before, now)).toBe(same);
});
