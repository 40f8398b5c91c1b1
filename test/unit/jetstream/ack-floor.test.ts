import fc from 'fast-check';
import { expect, test } from 'vitest';
import { AckFloor } from '../../../src/jetstream/ack-floor.ts';

const never = Number.POSITIVE_INFINITY;

test('rises only over settled ones', () => {
  const floor = new AckFloor();
  expect(floor.value).toBe(0);
  for (const sequence of [5, 6, 9]) floor.received(sequence);
  expect(floor.value).toBe(4);
  floor.settled(6);
  expect(floor.value).toBe(4);
  floor.settled(5);
  expect(floor.value).toBe(8);
  floor.settled(9);
  expect(floor.value).toBe(9);
});

test('a refused one holds it until it is settled, or overdue', () => {
  const floor = new AckFloor();
  for (const sequence of [1, 2]) floor.received(sequence);
  floor.refused(1, never);
  floor.settled(2);
  expect(floor.value).toBe(0);
  floor.refused(1, performance.now() - 1);
  expect(floor.value).toBe(2);
});

test('whatever the order, nothing at or below it is open', () => {
  const steps = fc.array(fc.tuple(fc.integer({ min: 1, max: 20 }), fc.boolean()), {
    maxLength: 60,
  });
  fc.assert(
    fc.property(steps, (order) => {
      const floor = new AckFloor();
      const open = new Set<number>();
      for (let sequence = 1; sequence <= 20; sequence++) {
        floor.received(sequence);
        open.add(sequence);
      }
      for (const [sequence, settles] of order) {
        if (settles) {
          floor.settled(sequence);
          open.delete(sequence);
        } else floor.refused(sequence, never);
        expect(floor.value).toBe(open.size === 0 ? 20 : Math.min(...open) - 1);
      }
    }),
  );
});
