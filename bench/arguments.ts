import { parseArgs } from 'node:util';
import { type GrowthPart, growthParts, growthTitles } from './growth.ts';
import { type PeerName, peers, reportedPeers } from './peers.ts';
import { select } from './selection.ts';
import { growthWithTargets, peersWithTargets } from './targets.ts';
import { keyOf, type Workload, workloads } from './workloads.ts';

export const usage = `npm run bench [-- OPTIONS]

  --quick           measure only what has a target, in short runs, in about 5 minutes; write nothing
  --only NAME,NAME  measure only these, such as daprd/publish-1, socket/ or growth; write nothing
  --peer NAME,NAME  measure only these peers; write nothing. Peers: ${peers.join(', ')}.
                    Default: all but ours-grpc-js
  --rounds N        default: 3; with fewer, write nothing
  --list            print the names
  --from-json       write the page and the charts from docs/performance.json; measure nothing

Needs Linux. A full run takes about 30 minutes. Nothing else should run on the machine.
`;

/** What to do. */
export interface Plan {
  rounds: number;
  workloads: readonly { workload: Workload; peers: readonly PeerName[] }[];
  growth: readonly GrowthPart[];
  growthPeers: readonly PeerName[];
  quick: boolean;
  /** Whether the page and the charts are written. */
  writes: boolean;
  fromJson: boolean;
}

/**
 * @returns the plan, or the text that an option asks to print
 * @throws Error when an option is invalid
 */
export function readArguments(args: string[]): Plan | { text: string } {
  const { values } = parseArgs({
    args,
    options: {
      quick: { type: 'boolean', default: false },
      only: { type: 'string', multiple: true },
      peer: { type: 'string', multiple: true },
      rounds: { type: 'string' },
      list: { type: 'boolean', default: false },
      'from-json': { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  const { quick, list, help, 'from-json': fromJson } = values;
  if (help) return { text: usage };
  const measures = [quick, values.only, values.peer, values.rounds].some(Boolean);
  if (fromJson && (measures || list))
    throw new Error('--from-json cannot be combined with other options: it measures nothing');
  if (list) return { text: listed() };

  const rounds = Number(values.rounds ?? (quick ? 2 : 3));
  if (!Number.isInteger(rounds) || rounds < 1)
    throw new Error('--rounds must be a whole number of at least 1');
  const only = names(values.only);
  const chosen = peersNamed(values.peer);
  const selected = only ? select(allKeys, only) : new Set(quick ? keysWithTargets : allKeys);
  // A target compares few peers: a quick run leaves the others out.
  const few = quick && !only && !chosen;
  return {
    rounds,
    workloads: workloads
      .filter((workload) => selected.has(keyOf(workload)))
      .map((workload) => ({
        workload,
        peers: few ? peersWithTargets(keyOf(workload)) : (chosen ?? reportedPeers),
      })),
    growth: growthParts.filter((part) => selected.has(growthKey(part))),
    growthPeers: few ? ['ours'] : (chosen ?? reportedPeers),
    quick,
    writes: !quick && !only && !chosen && rounds >= 3,
    fromJson,
  };
}

const growthKey = (part: GrowthPart) => `growth/${part}`;
const allKeys = [...workloads.map(keyOf), ...growthParts.map(growthKey)];
const keysWithTargets = [
  ...workloads.map(keyOf).filter((key) => peersWithTargets(key).length > 0),
  ...growthWithTargets.map(growthKey),
];

function listed(): string {
  const titled = workloads.map((workload) => `${keyOf(workload)}: ${workload.title}`);
  const growth = growthParts.map((part) => `${growthKey(part)}: ${growthTitles[part]}`);
  return `${[...titled, ...growth].join('\n')}\n`;
}

function names(values: string[] | undefined): string[] | undefined {
  const found = values?.flatMap((value) => value.split(',')).filter((name) => name !== '');
  return found && [...new Set(found)];
}

/** @throws Error when a peer is unknown, or none is named */
function peersNamed(values: string[] | undefined): PeerName[] | undefined {
  const found = names(values);
  if (!found) return undefined;
  const unknown = found.filter((name) => !peers.includes(name as PeerName));
  if (unknown.length > 0 || found.length === 0) {
    const wrong = unknown.length > 0 ? `unknown peer ${unknown.join(', ')}` : 'name a peer';
    throw new Error(`--peer: ${wrong}. Peers: ${peers.join(', ')}`);
  }
  return found as PeerName[];
}
