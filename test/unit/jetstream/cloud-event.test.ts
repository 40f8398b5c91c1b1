import fc from 'fast-check';
import { expect, test } from 'vitest';
import { cloudEventId } from '../../../src/jetstream/cloud-event.ts';

/** What it is to do, at a cost that grows with all of the event. */
function parsed(text: string): string | undefined {
  const event = JSON.parse(text);
  if (typeof event !== 'object' || event === null || Array.isArray(event)) return undefined;
  const all = [event.specversion, event.id, event.source, event.type];
  return all.every((one) => typeof one === 'string' && one !== '') ? event.id : undefined;
}

const attributes = {
  specversion: fc.constantFrom('1.0', ''),
  id: fc.oneof(fc.string({ unit: 'grapheme' }), fc.integer()),
  source: fc.string(),
  type: fc.string({ minLength: 1 }),
};
const events = fc
  .tuple(fc.record(attributes, { requiredKeys: [] }), fc.dictionary(fc.string(), fc.jsonValue()))
  .chain(([event, more]) =>
    fc.shuffledSubarray(Object.entries({ ...more, ...event }), { minLength: 0 }),
  )
  .map((entries) => Object.fromEntries(entries));

test.each([undefined, 2])('finds what a JSON parser finds (indent %s)', (indent) => {
  const property = fc.property(fc.oneof(events, fc.jsonValue()), (value) => {
    const text = JSON.stringify(value, undefined, indent);
    expect(cloudEventId(Buffer.from(text))).toBe(parsed(text));
  });
  fc.assert(property, { numRuns: 2_000 });
});

test('ends with whatever it is given', () => {
  const bits = fc.array(fc.constantFrom('{', '}', '[', ']', '"', '\\', ':', ',', ' ', '1', '"id"'));
  const property = fc.property(bits, (parts) => {
    cloudEventId(Buffer.from(`{${parts.join('')}`));
  });
  fc.assert(property, { numRuns: 5_000 });
});

test('an id among quotes, escapes and long strings', () => {
  const event = {
    data: `"id":"no" \\" ${'x'.repeat(500)}\\\\`,
    nested: { id: 'no', list: ['}', { id: 'no' }] },
    id: 'ye"s\\ \u00e9',
    source: 's',
    specversion: '1.0',
    type: 't',
  };
  expect(cloudEventId(Buffer.from(JSON.stringify(event)))).toBe(event.id);
});
