import fc from 'fast-check';
import { expect, test } from 'vitest';
import { formatDuration, parseDuration } from '../../src/duration.ts';

test.each([
  ['50ms', 50],
  ['1m30s', 90_000],
  ['1.5h', 5_400_000],
  ['.5s', 500],
  ['2.s', 2_000],
  ['100us', 0.1],
  ['100µs', 0.1],
  ['100μs', 0.1],
  ['250ns', 0.00025],
  ['0', 0],
  ['-1s', -1_000],
  ['+1s', 1_000],
])('%s is %d ms', (text, ms) => {
  expect(parseDuration(text)).toBeCloseTo(ms, 9);
});

test.each(['10', '1.5', '-3'])('a bare number (%s) gets a hint', (text) => {
  expect(() => parseDuration(text)).toThrow(/needs a unit, for example/);
});

test.each(['', 's', 'abc', '1 s', '1s ', '1d', '1s2', '--1s', '1e3s', '.s', '1m,2m'])(
  '%j is refused',
  (text) => {
    expect(() => parseDuration(text)).toThrow(/is not a duration/);
  },
);

test('what Go cannot hold is refused', () => {
  expect(() => parseDuration('9999999h')).toThrow('is longer than 292 years');
});

test('whatever is written can be read again', () => {
  const milliseconds = fc.oneof(
    fc.integer({ min: -1e12, max: 1e12 }),
    fc.integer({ min: 0, max: 1e9 }).map((nanos) => nanos / 1e6),
  );
  fc.assert(
    fc.property(milliseconds, (ms) => {
      expect(parseDuration(formatDuration(ms))).toBeCloseTo(ms, 6);
    }),
  );
});
