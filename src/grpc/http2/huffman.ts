/** The peer's header block is invalid. It is a connection error of type COMPRESSION_ERROR. */
export class HpackError extends Error {
  override name = 'HpackError';
}

/** The length in bits of the code of each octet, and of EOS, the last one (RFC 7541, appendix B). */
export const codeLengths: readonly number[] = [
  13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28,
  28, 28, 28, 28, 28, 28, 28, 28, 6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5,
  6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10, 13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7,
  7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6, 15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6,
  7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28, 20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23,
  23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24, 22, 21, 20, 22,
  22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22,
  23, 22, 22, 23, 26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27,
  27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27, 20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25,
  24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26, 30,
];

const endOfString = 256;

/**
 * Returns the code of each symbol, in its low bits. {@link codeLengths} says how many bits it has.
 *
 * The code is canonical: the codes count upwards from shorter to longer ones, and by symbol among those of one length.
 */
export function huffmanCodes(): Uint32Array {
  const codes = new Uint32Array(codeLengths.length);
  let code = 0;
  for (let length = 1; length <= 30; length++) {
    code <<= 1;
    codeLengths.forEach((ofSymbol, symbol) => {
      if (ofSymbol === length) codes[symbol] = code++;
    });
  }
  return codes;
}

/**
 * The automaton reads four bits at a time. No code is shorter than five bits, so a step ends at most one symbol.
 *
 * A state is an inner node of the code's tree, and 0 is its root. `steps[state << 4 | bits]` is the next state
 * (bits 0 to 7), the symbol (bits 8 to 15), and the flags below.
 */
const endsSymbol = 1 << 16;
const endsString = 1 << 17;

interface Automaton {
  steps: Uint32Array;
  /** 1 for each state in which a string may end: only ones were read since the last symbol, at most seven. */
  mayEnd: Uint8Array;
}

const bitsOfStep = 4;

function buildAutomaton(): Automaton {
  // A child is the state of an inner node, or the complement of a leaf's symbol. The root is nobody's child.
  const children = new Int16Array(endOfString * 2);
  let states = 1;
  huffmanCodes().forEach((code, symbol) => {
    let state = 0;
    for (let bit = (codeLengths[symbol] as number) - 1; bit > 0; bit--) {
      const child = state * 2 + ((code >> bit) & 1);
      if (children[child] === 0) children[child] = states++;
      state = children[child] as number;
    }
    children[state * 2 + (code & 1)] = ~symbol;
  });

  const steps = new Uint32Array(states << bitsOfStep);
  for (let index = 0; index < steps.length; index++) {
    let state = index >> bitsOfStep;
    let flags = 0;
    for (let bit = bitsOfStep - 1; bit >= 0; bit--) {
      const child = children[state * 2 + ((index >> bit) & 1)] as number;
      state = Math.max(child, 0);
      if (child < 0) flags = ~child === endOfString ? endsString : endsSymbol | (~child << 8);
    }
    steps[index] = flags | state;
  }

  const mayEnd = new Uint8Array(states);
  for (let state = 0, padding = 0; padding <= 7; padding++) {
    mayEnd[state] = 1;
    state = children[state * 2 + 1] as number;
  }
  return { steps, mayEnd };
}

let automaton: Automaton | undefined;

/** Short strings are decoded here. A longer one gets a buffer of its own, which is not kept. */
const scratch = Buffer.alloc(4_096);

/**
 * Returns the string that is Huffman-coded in `bytes[start, end)`, as latin1. It is at most 8/5 as long as the code.
 *
 * @throws HpackError when the padding or a code is invalid
 */
export function decodeHuffman(bytes: Buffer, start: number, end: number): string {
  automaton ??= buildAutomaton();
  const { steps, mayEnd } = automaton;
  // One octet more than the longest string, because each step writes and not each step moves on.
  const most = Math.floor(((end - start) * 8) / 5) + 1;
  const target = most <= scratch.length ? scratch : Buffer.allocUnsafe(most);
  let length = 0;
  let state = 0;
  let flags = 0;
  for (let at = start; at < end; at++) {
    const octet = bytes[at] as number;
    let step = steps[(state << bitsOfStep) | (octet >> bitsOfStep)] as number;
    target[length] = step >> 8;
    length += (step >> 16) & 1;
    flags |= step;
    step = steps[((step & 0xff) << bitsOfStep) | (octet & 0xf)] as number;
    target[length] = step >> 8;
    length += (step >> 16) & 1;
    flags |= step;
    state = step & 0xff;
  }
  if ((flags & endsString) !== 0) {
    throw new HpackError('A Huffman-coded string contains the EOS symbol.');
  }
  if (mayEnd[state] === 0) {
    throw new HpackError(
      'A Huffman-coded string ends in the middle of a code: its padding must be less than 8 bits, all ones.',
    );
  }
  return target.toString('latin1', 0, length);
}
