/** Returns the lines of a table. The first column is aligned left, the others right. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  const rule = head.map((_, column) => (column === 0 ? '---' : '--:'));
  return [line(head), `|${rule.join('|')}|`, ...rows.map(line), ''];
}

/** Formats with three significant digits: more digits are noise. */
export function figures(value: number): string {
  const digits = { maximumSignificantDigits: 3, minimumSignificantDigits: 3 };
  return value === 0 ? '0' : value.toLocaleString('en', digits);
}

export function whole(value: number): string {
  return Math.round(value).toLocaleString('en');
}

/** Formats a value with how many times better this component is. */
export function compared(value: string, times: number | undefined): string {
  return times === undefined ? value : `${value} (${times.toFixed(2)} ×)`;
}
