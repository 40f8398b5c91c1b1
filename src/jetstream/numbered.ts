/** Slots at first. */
const fewest = 64;

/**
 * Items in the order in which they were added, each found by the number it was given.
 *
 * In place of a Map, for what is added and deleted all the time: a Map then makes its table anew again
 * and again, and each old table points to the next. Once V8 has moved one of them to the old
 * generation, all that follow stay alive until the next full collection, with everything they held
 * (docs/decisions/0009-performance-experiments.md). Here a deleted item leaves nothing behind.
 * A Map of numbers to numbers may stay one: what it keeps alive is small.
 *
 * Bounded by what is in it, plus a number of slots. An item that stays while as many others come and
 * go is kept apart.
 */
export class Numbered<Item extends object> {
  readonly #most: number;
  #slots: (Item | undefined)[];
  /** Number of the first item in the slots; the one to be given next when they are empty. */
  #first = 1;
  #next = 1;
  /** What was there before the first one. */
  readonly #late = new Map<number, Item>();
  #size = 0;

  /** @param most slots at most, a power of two: as many as are usually there at a time */
  constructor(most: number) {
    this.#most = most;
    this.#slots = emptySlots(Math.min(fewest, most));
  }

  get size(): number {
    return this.#size;
  }

  /** @returns its number: 1 for the first item, and one more for each after it */
  add(item: Item): number {
    if (this.#next - this.#first === this.#slots.length) this.#makeRoom();
    const number = this.#next++;
    this.#slots[this.#slot(number)] = item;
    this.#size++;
    return number;
  }

  /** Undefined for any number that is not in use. */
  get(number: number): Item | undefined {
    if (!Number.isInteger(number)) return undefined;
    if (number >= this.#first && number < this.#next) return this.#slots[this.#slot(number)];
    return this.#late.size > 0 ? this.#late.get(number) : undefined;
  }

  /** @returns what was there */
  delete(number: number): Item | undefined {
    const item = this.get(number);
    if (item === undefined) return undefined;
    this.#size--;
    if (number < this.#first) this.#late.delete(number);
    else {
      this.#slots[this.#slot(number)] = undefined;
      this.#skipDeleted();
    }
    return item;
  }

  /** The numbers handed out go on where they were. */
  clear(): void {
    this.#slots = emptySlots(Math.min(fewest, this.#most));
    this.#late.clear();
    this.#first = this.#next;
    this.#size = 0;
  }

  /** The first item for which `test` holds. */
  find(test: (item: Item) => boolean): [number, Item] | undefined {
    for (const entry of this.#late) if (test(entry[1])) return entry;
    for (let number = this.#first; number < this.#next; number++) {
      const item = this.#slots[this.#slot(number)];
      if (item !== undefined && test(item)) return [number, item];
    }
    return undefined;
  }

  /** In order. Items may be deleted meanwhile; those added meanwhile are left out. */
  *[Symbol.iterator](): Generator<[number, Item]> {
    const first = this.#first;
    const end = this.#next;
    for (const entry of this.#late) {
      // Moved here meanwhile: its turn is below.
      if (entry[0] >= first) break;
      yield entry;
    }
    for (let number = first; number < end; number++) {
      const item = this.get(number);
      if (item !== undefined) yield [number, item];
    }
  }

  *values(): Generator<Item> {
    for (const [, item] of this) yield item;
  }

  #slot(number: number): number {
    return number & (this.#slots.length - 1);
  }

  #skipDeleted(): void {
    while (this.#first < this.#next && this.#slots[this.#slot(this.#first)] === undefined) {
      this.#first++;
    }
  }

  /** The first slot is in use, and so are all between it and the last, or were. */
  #makeRoom(): void {
    if (this.#slots.length >= this.#most) {
      this.#late.set(this.#first, this.#slots[this.#slot(this.#first)] as Item);
      this.#slots[this.#slot(this.#first)] = undefined;
      this.#skipDeleted();
      return;
    }
    const larger = emptySlots<Item>(this.#slots.length * 2);
    for (let number = this.#first; number < this.#next; number++) {
      larger[number & (larger.length - 1)] = this.#slots[this.#slot(number)];
    }
    this.#slots = larger;
  }
}

function emptySlots<Item>(count: number): (Item | undefined)[] {
  return new Array(count).fill(undefined);
}
