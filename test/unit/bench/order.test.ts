import { expect, test } from 'vitest';
import { orderOf } from '../../../bench/order.ts';

const named = (count: number) => [...'abcdefg'].slice(0, count);

function tally(keys: string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const key of keys) counts.set(key, (counts.get(key) ?? 0) + 1);
  return counts;
}

test.each([1, 2, 3, 4, 5, 6, 7])(
  '%d peers come equally often at each place, and after each other',
  (count) => {
    const items = named(count);
    const times = count % 2 === 1 ? 2 : 1;
    const rounds = Array.from({ length: count * times }, (_, round) => orderOf(items, round));
    for (const order of rounds) expect([...order].sort()).toEqual(items);

    const places = tally(rounds.flatMap((order) => order.map((item, place) => `${item} ${place}`)));
    expect([...places.values()]).toEqual(Array(count * count).fill(times));
    const pairs = tally(
      rounds.flatMap((order) => order.slice(1).map((item, at) => order[at] + item)),
    );
    expect([...pairs.values()]).toEqual(Array(count * (count - 1)).fill(times));
  },
);

test('three rounds of four peers: each with another one before it, and another first', () => {
  const rounds = [0, 1, 2].map((round) => orderOf(named(4), round).join(''));
  expect(rounds).toEqual(['abdc', 'bcad', 'cdba']);
});

test.each([2, 3, 4, 5])('%d peers never keep their order for the next round', (count) => {
  for (let round = 0; round < 12; round++)
    expect(orderOf(named(count), round + 1)).not.toEqual(orderOf(named(count), round));
});
