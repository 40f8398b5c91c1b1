import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { fields, withoutEffect } from '../../src/component/fields.ts';

const readme = await readFile(join(import.meta.dirname, '../../README.md'), 'utf8');

/** The field table's rows: what stands in backquotes in the first column. */
function namesInTable(): string[] {
  const start = readme.indexOf('| field |');
  const table = readme.slice(start, readme.indexOf('\n\n', start));
  return table
    .split('\n')
    .slice(2)
    .flatMap((row) =>
      [...(row.split('|')[1] ?? '').matchAll(/`(\w+)`/g)].map(([, name]) => name as string),
    );
}

test("the README's table has every field, and no other", () => {
  const known = [...Object.keys(fields), ...withoutEffect];
  expect(namesInTable().toSorted()).toEqual(known.toSorted());
});

test('what the README marks as overridable is', () => {
  const marked = readme
    .split('\n')
    .filter((row) => /^\| `.*\* \|/.test(row))
    .flatMap((row) =>
      [...(row.split('|')[1] ?? '').matchAll(/`(\w+)`/g)].map(([, name]) => name as string),
    );
  const overridable = Object.entries(fields)
    .filter(([, field]) => 'perSubscription' in field && field.perSubscription)
    .map(([name]) => name);
  expect(marked.toSorted()).toEqual(overridable.toSorted());
});
