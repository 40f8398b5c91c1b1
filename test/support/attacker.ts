/**
 * Runs one attack in a process of its own, so that it takes no time from the one that measures:
 * `node test/support/attacker.ts NAME SOCKET NATS_URL`. The last line has the outcomes as JSON.
 */
import type { Outcomes } from './attacks/attack.ts';
import { attacks } from './attacks/index.ts';

const [name, socket, natsURL] = process.argv.slice(2) as [string, string, string];
const attack = attacks[name];
if (!attack) throw new Error(`no attack is called ${name}`);
const outcomes: Outcomes = {};
console.log('attacking');
await attack({ socket, natsURL }, (outcome, count = 1) => {
  outcomes[outcome] = (outcomes[outcome] ?? 0) + count;
});
console.log(JSON.stringify(outcomes));
process.exit(0);
