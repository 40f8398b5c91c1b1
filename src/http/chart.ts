import { escapeHtml } from './escape.ts';
import { mostSamples } from './history.ts';

const width = 150;
const height = 28;

/** Below this the whole height is not used: a message now and then shall not look like a storm. */
const leastTop = 1;

/**
 * A small line of the last five minutes as SVG, the newest at the right edge.
 *
 * @param rates events a second, the oldest first
 * @param what for who does not see it, such as "deliveries a second"
 */
export function chart(rates: readonly number[], what: string): string {
  const now = rates.at(-1) ?? 0;
  const top = Math.max(leastTop, ...rates);
  const label = `${what} in the last five minutes: now ${rate(now)}, at most ${rate(Math.max(0, ...rates))}`;
  const left = width - (rates.length - 1) * (width / (mostSamples - 1));
  const points = rates.map((value, index) => {
    const x = left + index * (width / (mostSamples - 1));
    return `${x.toFixed(1)},${(height - 1 - (value / top) * (height - 3)).toFixed(1)}`;
  });
  const line =
    points.length > 1
      ? `<polygon points="${left.toFixed(1)},${height} ${points.join(' ')} ${width},${height}"/>` +
        `<polyline points="${points.join(' ')}"/>`
      : '';
  return (
    `<svg viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" ` +
    `aria-label="${escapeHtml(label)}"><title>${escapeHtml(label)}</title>` +
    `<line x1="0" y1="${height - 0.5}" x2="${width}" y2="${height - 0.5}"/>${line}</svg>`
  );
}

/** As much of it as one can take in at a glance. */
export function rate(value: number): string {
  if (value === 0) return '0';
  return value < 10 ? value.toFixed(1) : Math.round(value).toLocaleString('en');
}
