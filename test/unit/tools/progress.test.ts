import { expect, test } from 'vitest';
import type { BuildProgress } from '../../../tools/binaries.ts';
import { showProgress } from '../../../tools/progress.ts';

function render(stream: { isTTY: boolean; columns?: number }, steps: Partial<BuildProgress>[]) {
  let text = '';
  const show = showProgress({ ...stream, write: (chunk) => (text += chunk) });
  const start = { name: 'daprd', version: '1.2.3', downloaded: 7, compiled: 50 } as const;
  for (const step of steps) show({ ...start, phase: 'building', elapsedMs: 0, ...step });
  return text;
}

const everySecondUntil = (end: number) =>
  Array.from({ length: end + 1 }, (_, second) => ({ elapsedMs: second * 1000 }));

test('writes a line at the start, every 15 seconds and at the end when not on a terminal', () => {
  const steps = [...everySecondUntil(40), { phase: 'built', elapsedMs: 40_400 } as const];
  expect(render({ isTTY: false }, steps)).toBe(
    'building daprd 1.2.3 from source, which takes minutes but happens only once\n' +
      'daprd 1.2.3: 15 s, 7 modules downloaded, 50 packages compiled\n' +
      'daprd 1.2.3: 30 s, 7 modules downloaded, 50 packages compiled\n' +
      'built daprd 1.2.3 in 40 s\n',
  );
});

test('keeps one line up to date on a terminal, and leaves the outcome', () => {
  const steps = [...everySecondUntil(2), { phase: 'built', elapsedMs: 2000 } as const];
  const text = render({ isTTY: true, columns: 30 }, steps);
  const [start, live] = text.split('\n');
  expect(start).toMatch(/^building daprd 1\.2\.3/);
  expect(live?.split('\r\x1b[2K')).toEqual([
    '',
    'daprd 1.2.3: 1 s, 7 modules d',
    'daprd 1.2.3: 2 s, 7 modules d',
    'built daprd 1.2.3 in 2 s',
  ]);
});

test('wipes the changing line when a build fails, for the error to start on a clean one', () => {
  const steps = [...everySecondUntil(1), { phase: 'failed' } as const];
  expect(render({ isTTY: true }, steps).endsWith('compiled\r\x1b[2K')).toBe(true);
  expect(render({ isTTY: false }, [{ phase: 'failed' }])).toBe('');
});

test('says that another process is building', () => {
  const text = 'daprd 1.2.3 is being built by another process: waiting for it\n';
  expect(render({ isTTY: false }, [{ phase: 'waiting' }])).toBe(text);
});
