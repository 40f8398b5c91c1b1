import { expect, test } from 'vitest';
import { storedWrongly } from '../../../bench/stored.ts';

const runs = [{ total: 100 }, { total: 900, failed: 10 }];

test.each([
  ['as many as were confirmed', 1_000, runs],
  ['some of those that failed, too', 1_010, runs],
  ['nothing of nothing', 0, []],
])('stored are %s', (_, stored, runs) => {
  expect(storedWrongly(stored, runs)).toBeUndefined();
});

test('a confirmed message that is not stored is told', () => {
  expect(storedWrongly(999, runs)).toBe('999 messages are stored of 1000 that were confirmed');
});

test('a message that nobody published is told', () => {
  expect(storedWrongly(1_011, runs)).toBe(
    '1011 messages are stored where 1010 at most were published',
  );
});
