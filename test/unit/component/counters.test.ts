import { expect, test } from 'vitest';
import { Counters } from '../../../src/component/counters.ts';

function counters() {
  return new Counters<{ topic: string }, { count: number }>(() => ({ count: 0 }));
}

test('those of the same labels count in one place, which outlives them', () => {
  const all = counters();
  const first = all.take({ topic: 'orders' });
  const second = all.take({ topic: 'orders' });
  first.count++;
  all.release({ topic: 'orders' });
  second.count++;
  all.release({ topic: 'orders' });
  expect(all.all).toMatchObject([{ labels: { topic: 'orders' }, counts: { count: 2 } }]);
  all.take({ topic: 'orders' }).count++;
  expect(all.all).toMatchObject([{ counts: { count: 3 } }]);
});

test('of what has ended the last thousand are kept, of what is open everything', () => {
  const all = counters();
  const topics = Array.from({ length: 1_500 }, (_, index) => ({ topic: `t${index}` }));
  for (const labels of topics) all.take(labels);
  expect(all.all).toHaveLength(1_500);
  for (const labels of topics.slice(1)) all.release(labels);
  const kept = all.all.map(({ labels }) => labels.topic);
  expect(kept).toHaveLength(1_001);
  expect(kept).toContain('t0');
  expect(kept).not.toContain('t499');
  expect(kept).toContain('t500');
});

test('what was never taken, and more than was taken, is not given back', () => {
  const all = counters();
  all.release({ topic: 'orders' });
  all.take({ topic: 'orders' });
  all.release({ topic: 'orders' });
  all.release({ topic: 'orders' });
  const again = all.take({ topic: 'orders' });
  again.count++;
  expect(all.all).toMatchObject([{ counts: { count: 1 } }]);
});
