import type { Scenario } from './scenario.ts';
import { messageScenarios } from './scenarios/messages.ts';
import { natsScenarios } from './scenarios/nats.ts';
import { processScenarios } from './scenarios/processes.ts';

export const scenarios: Scenario[] = [...natsScenarios, ...processScenarios, ...messageScenarios];

/** Those that `npm test` runs too. */
export const quick = [
  'nats-killed',
  'consumer-deleted',
  'component-killed',
  'slow-handler',
  'dead-letters',
];
