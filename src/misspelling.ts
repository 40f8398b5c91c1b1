import { closest, distance } from 'fastest-levenshtein';

/**
 * The known word that was meant: the same but for case and a letter or two, in short ones fewer. What is
 * much longer than all of them is not compared, for that takes time.
 */
export function meant(word: string, known: readonly string[]): string | undefined {
  const longest = Math.max(...known.map(({ length }) => length));
  if (word.length > longest * 2) return undefined;
  const spellings = new Map(known.map((one) => [one.toLowerCase(), one]));
  const lower = word.toLowerCase();
  const near = closest(lower, [...spellings.keys()]);
  const letters = Math.min(2, Math.floor(near.length / 3));
  return distance(lower, near) <= letters ? spellings.get(near) : undefined;
}
