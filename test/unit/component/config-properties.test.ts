import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseConfig } from '../../../src/component/config.ts';
import { fields } from '../../../src/component/fields.ts';

/** Fields whose examples stand for a secret or a file, or that need a partner. */
const special = /^(natsURL|jwt|seedKey|nkeySeed|creds|credsFile|tls_.*|username|password)$/;

const examples = Object.entries(fields)
  .filter(([name]) => !special.test(name))
  .map(([name, { example }]) => [name, example] as const);

const base = { natsURL: 'nats://localhost:4222' };

/** Some of the fields, in any order, each key in any case, each value with spaces around. */
const spelling = fc
  .shuffledSubarray(examples)
  .chain((some) =>
    fc.tuple(
      fc.constant(some),
      fc.array(fc.boolean(), { minLength: 400, maxLength: 400 }),
      fc.stringMatching(/^ {0,3}$/),
    ),
  );

test('case, order and surrounding spaces make no difference', () => {
  fc.assert(
    fc.property(spelling, ([some, cases, space]) => {
      const plain = Object.fromEntries(some);
      const odd = Object.fromEntries(
        some.toReversed().map(([name, value], field) => {
          const key = [...name].map((letter, at) =>
            cases[(field * 31 + at) % cases.length] ? letter.toUpperCase() : letter.toLowerCase(),
          );
          return [key.join(''), `${space}${value}${space}`];
        }),
      );
      expect(parseConfig({ ...base, ...odd })).toEqual(parseConfig({ ...base, ...plain }));
    }),
  );
});

test('whatever daprd sends, the answer is a config or one clear refusal', () => {
  const names = Object.keys(fields);
  const properties = fc.dictionary(
    fc.oneof(fc.constantFrom(...names), fc.string({ maxLength: 30 })),
    fc.string({ maxLength: 60 }),
    { maxKeys: 12 },
  );
  fc.assert(
    fc.property(properties, (given) => {
      try {
        parseConfig({ ...base, ...given });
      } catch (error) {
        expect(error).toMatchObject({ name: 'ComponentError', code: 'invalid-config' });
      }
    }),
    { numRuns: 500 },
  );
});
