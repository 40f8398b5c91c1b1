import { expect, test } from 'vitest';
import { parseTimeout } from '../../../src/grpc/timeout.ts';

test.each([
  ['1H', 3_600_000],
  ['2M', 120_000],
  ['3S', 3_000],
  ['4m', 4],
  ['1500u', 1.5],
  ['1000000n', 1],
  ['0S', 0],
  ['00000001S', 1_000],
  ['99999999H', 99_999_999 * 3_600_000],
])('%s is %d ms', (value, milliseconds) => {
  expect(parseTimeout(value)).toBeCloseTo(milliseconds, 9);
});

test.each([
  '',
  'S',
  '1',
  '1s',
  '1h',
  '-1S',
  '+1S',
  '1.5S',
  ' 1S',
  '1S ',
  '1 S',
  '123456789S',
  '1SS',
  '٣S',
  '0x1S',
])('%j is not a timeout', (value) => {
  expect(parseTimeout(value)).toBeUndefined();
});
