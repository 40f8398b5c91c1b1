import type { Random } from './random.ts';

/** Changes, removes, repeats and moves some of the frames. */
export function mutate(random: Random, parts: Buffer[]): Buffer[] {
  const changed: Buffer[] = parts.map((part) => Buffer.from(part));
  for (let count = random.int(1, 4); count > 0; count--) {
    const at = random.int(0, changed.length - 1);
    const part = changed[at] as Buffer;
    random.pick<() => void>([
      () => void changed.splice(at, 1),
      () => void changed.splice(at, 0, part),
      () => void changed.splice(at, 1, part.subarray(0, random.int(0, part.length))),
      () => void changed.splice(random.int(0, changed.length), 0, ...changed.splice(at, 1)),
      () => {
        if (part.length > 0) part[random.int(0, part.length - 1)] = random.int(0, 255);
      },
      () => {
        if (part.length > 0) part[random.int(0, Math.min(8, part.length - 1))] = random.int(0, 255);
      },
      () => void changed.splice(at, 0, random.bytes(random.int(1, 40))),
    ])();
    if (changed.length === 0) return changed;
  }
  return changed;
}

/** Cuts bytes into the pieces in which they are written. */
export function cut(random: Random, bytes: Buffer): Buffer[] {
  const most = random.pick([1, 7, 100, 1_000, 100_000]);
  const chunks: Buffer[] = [];
  // At most 500 pieces: a long script takes too long byte by byte.
  const least = Math.ceil(bytes.length / 500);
  for (let at = 0; at < bytes.length; ) {
    const size = Math.max(least, random.int(1, most));
    chunks.push(bytes.subarray(at, at + size));
    at += size;
  }
  return chunks;
}
