import { expect, test } from 'vitest';
import { select } from '../../../bench/selection.ts';

const keys = ['daprd/publish-1', 'daprd/publish-256', 'socket/publish-1', 'growth/start'];

test.each([
  [['daprd/publish-1'], ['daprd/publish-1']],
  [['daprd/'], ['daprd/publish-1', 'daprd/publish-256']],
  [
    ['growth', 'socket/'],
    ['socket/publish-1', 'growth/start'],
  ],
  [['growth/start', 'growth'], ['growth/start']],
])('%j picks %j', (names, picked) => {
  expect([...select(keys, names)]).toEqual(picked);
});

test.each([['daprd/publish'], ['publish-1'], ['/']])(
  '%s is told to be wrong, although another name is right',
  (name) => {
    expect(() => select(keys, ['growth', name])).toThrow(
      `--only: nothing is named ${name}; --list prints the names`,
    );
  },
);

test('all that are wrong are told', () => {
  expect(() => select(keys, ['one', 'growth', 'two'])).toThrow('nothing is named one, two;');
});

test('no name at all is an error', () => {
  expect(() => select(keys, [])).toThrow('--only: name something');
});
