import { expect, test } from 'vitest';
import { judge } from '../chaos/scenario.ts';
import { quick, scenarios } from '../chaos/scenarios.ts';

// All of them, and the built-in component beside them: npm run test:chaos.
test.each(quick.map((name) => [name]))('%s: nothing lost, back in time', async (name) => {
  const scenario = scenarios.find((scenario) => scenario.name === name);
  if (!scenario) throw new Error('no such scenario');
  const outcome = await scenario.run({ peer: 'ours', binary: 'daprd' });
  expect(judge(scenario, outcome), JSON.stringify(outcome)).toEqual([]);
});
