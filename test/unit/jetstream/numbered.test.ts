import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Numbered } from '../../../src/jetstream/numbered.ts';

test('numbers from 1 on, which are not given twice', () => {
  const numbered = new Numbered<{ name: string }>(1_024);
  expect(numbered.add({ name: 'a' })).toBe(1);
  expect(numbered.delete(1)).toEqual({ name: 'a' });
  expect(numbered.delete(1)).toBeUndefined();
  expect(numbered.add({ name: 'b' })).toBe(2);
  numbered.clear();
  expect(numbered.size).toBe(0);
  expect(numbered.get(2)).toBeUndefined();
  expect(numbered.add({ name: 'c' })).toBe(3);
});

test('knows nothing of numbers that are none', () => {
  const numbered = new Numbered<object>(1_024);
  numbered.add({});
  for (const number of [0, 2, -1, 0.5, 1.5, Number.NaN, Number.POSITIVE_INFINITY]) {
    expect(numbered.get(number)).toBeUndefined();
  }
});

test.each([4, 1_024])('does what a Map in order of insertion does, with %d slots', (most) => {
  const number = fc.nat(400);
  const steps = fc.array(
    fc.oneof(fc.constant('add' as const), fc.constant('clear' as const), number),
    {
      maxLength: 600,
    },
  );
  fc.assert(
    fc.property(steps, (order) => {
      const numbered = new Numbered<{ at: number }>(most);
      const map = new Map<number, { at: number }>();
      for (const [at, step] of order.entries()) {
        if (step === 'add') map.set(numbered.add({ at }), { at });
        else if (step !== 'clear') expect(numbered.delete(step)).toEqual(map.get(step));
        else if (at % 50 === 0) {
          numbered.clear();
          map.clear();
        }
        if (typeof step === 'number') map.delete(step);
        expect(numbered.size).toBe(map.size);
      }
      expect([...numbered]).toEqual([...map]);
      expect([...numbered.values()]).toEqual([...map.values()]);
      const even = ({ at }: { at: number }) => at % 2 === 0;
      expect(numbered.find(even)).toEqual([...map].find(([, item]) => even(item)));
    }),
  );
});

test('what stays for long is found, in its place, and costs no room', () => {
  const numbered = new Numbered<{ at: number }>(1_024);
  const staying = [numbered.add({ at: -1 }), numbered.add({ at: -2 })];
  for (let at = 0; at < 200_000; at++) numbered.delete(numbered.add({ at }));
  const last = numbered.add({ at: 0 });
  expect([...numbered].map(([number]) => number)).toEqual([...staying, last]);
  expect(numbered.get(1)).toEqual({ at: -1 });
  expect(numbered.find(({ at }) => at === -2)).toEqual([2, { at: -2 }]);
  expect(numbered.delete(1)).toEqual({ at: -1 });
  expect(numbered.size).toBe(2);
});

test.each([4, 1_024])('may lose and get items while it is read, with %d slots', (most) => {
  const numbered = new Numbered<{ at: number }>(most);
  for (let at = 1; at <= 100; at++) numbered.add({ at });
  const seen: number[] = [];
  for (const [number] of numbered) {
    seen.push(number);
    numbered.delete(number);
    numbered.delete(number + 1);
    numbered.add({ at: 100 + number });
  }
  expect(seen).toEqual(Array.from({ length: 50 }, (_, index) => index * 2 + 1));
  expect(numbered.size).toBe(50);
});
