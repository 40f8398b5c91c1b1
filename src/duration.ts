import { ComponentError } from './errors.ts';

const milliseconds: Record<string, number> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3, // U+00B5, the micro sign
  μs: 1e-3, // U+03BC, the Greek letter
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
};

const part = /(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)/gy;

/** What Go's time.Duration holds at most: 2^63-1 ns, about 292 years. */
const longest = (2 ** 63 - 1) / 1e6;

/**
 * Reads a duration in Go's syntax (`50ms`, `1m30s`, `1.5h`, `-1s`, `0`).
 *
 * @returns milliseconds, with a fraction where the duration has one
 * @throws ComponentError `invalid-config`, saying what is allowed; a bare number gets a hint of
 *   its own, because Go would take it as nanoseconds and nobody means that
 */
export function parseDuration(text: string): number {
  const unsigned = text.replace(/^[+-]/, '');
  if (unsigned === '0') return 0;
  if (/^(\d+\.?\d*|\.\d+)$/.test(unsigned)) {
    throw new ComponentError('invalid-config', `needs a unit, for example ${unsigned}s`);
  }
  let total = 0;
  let end = 0;
  for (const [whole, amount, unit] of unsigned.matchAll(part)) {
    total += Number(amount) * (milliseconds[unit as string] as number);
    end += whole.length;
  }
  if (end === 0 || end !== unsigned.length) {
    throw new ComponentError('invalid-config', 'is not a duration such as 50ms, 30s or 1m30s');
  }
  if (total > longest) throw new ComponentError('invalid-config', 'is longer than 292 years');
  return text.startsWith('-') ? -total : total;
}

/** The duration in Go's syntax, in the largest unit that needs no fraction. */
export function formatDuration(ms: number): string {
  if (ms < 0) return `-${formatDuration(-ms)}`;
  for (const unit of ['h', 'm', 's', 'ms', 'us'] as const) {
    const size = milliseconds[unit] as number;
    if (ms >= size && Number.isInteger(ms / size)) return `${ms / size}${unit}`;
  }
  return ms === 0 ? '0s' : `${Math.round(ms * 1e6)}ns`;
}
