import fc from 'fast-check';
import { expect, test } from 'vitest';
import { durableName } from '../../../src/jetstream/names.ts';

test('the usual case reads as one expects', () => {
  expect(durableName('order-processor', 'orders')).toBe('order-processor-orders');
});

test.each([
  ['app', 'orders.created'],
  ['app', 'orders.*'],
  ['app', 'orders.>'],
  ['app', 'new-orders'],
  ['my.app', 'orders'],
  ['a'.repeat(300), 'orders'],
])('%s and %s get a hash', (consumerID, topic) => {
  expect(durableName(consumerID, topic)).toMatch(/~[0-9a-f]{12}$/);
});

const tricky = fc.oneof(
  fc.string({ minLength: 1, maxLength: 300 }),
  fc.stringMatching(/^[a-c_~.-]{1,6}$/),
);

test('every name is one NATS takes', () => {
  fc.assert(
    fc.property(tricky, tricky, (consumerID, topic) => {
      expect(durableName(consumerID, topic)).toMatch(/^[A-Za-z0-9_~-]{1,255}$/);
    }),
  );
});

test('two different pairs never share a name', () => {
  fc.assert(
    fc.property(fc.tuple(tricky, tricky), fc.tuple(tricky, tricky), (one, other) => {
      fc.pre(one[0] !== other[0] || one[1] !== other[1]);
      expect(durableName(...one)).not.toBe(durableName(...other));
    }),
    { numRuns: 2_000 },
  );
});
