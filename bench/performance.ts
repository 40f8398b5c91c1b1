import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Growth } from './growth.ts';
import type { Results } from './results.ts';
import type { Steal } from './steal.ts';

/** Everything that was measured; docs/performance.md and the charts are made from it. */
export interface Performance {
  date: string;
  machine: string;
  rounds: number;
  steal?: Steal;
  results: Results;
  growth?: Growth;
}

/** @throws Error when there is no performance.json in the folder, or it is invalid */
export async function readPerformance(folder: string): Promise<Performance> {
  const file = join(folder, 'performance.json');
  const text = await readFile(file, 'utf8').catch((error) => {
    throw new Error(`${file} cannot be read, \`npm run bench\` writes it`, { cause: error });
  });
  try {
    return checked(JSON.parse(text));
  } catch (error) {
    const remedy = '`git checkout` restores the last one, `npm run bench` writes a new one';
    throw new Error(`${file}: ${(error as Error).message}; ${remedy}`, { cause: error });
  }
}

/** @throws Error that names a missing or invalid value */
function checked(found: Performance | null): Performance {
  const results = found?.results ?? {};
  if (Object.keys(results).length === 0) throw new Error('has no results');
  for (const [key, peers] of Object.entries(results)) {
    for (const [peer, samples] of Object.entries(peers)) {
      for (const [round, sample] of samples.entries()) {
        const wrong = Object.entries(sample ?? {}).find(([, value]) => !Number.isFinite(value));
        if (wrong) throw new Error(`results.${key}.${peer}[${round}].${wrong[0]} is not a number`);
      }
    }
  }
  return found as Performance;
}
