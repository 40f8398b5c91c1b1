/**
 * A round's order, of a Williams design: over as many rounds as items, twice as many where their number
 * is odd, each item comes equally often at each place and right after each other item.
 *
 * @param round from 0 on
 */
export function orderOf<Item>(items: readonly Item[], round: number): Item[] {
  const count = items.length;
  const mirrored = count % 2 === 1 && round % 2 === 1;
  return items.map((_, place) => {
    // 0, 1, -1, 2, -2, ...: no two neighbours are the same distance apart.
    const zigzag = place % 2 === 1 ? (place + 1) / 2 : -place / 2;
    return items.at((round + (mirrored ? -zigzag : zigzag)) % count) as Item;
  });
}
