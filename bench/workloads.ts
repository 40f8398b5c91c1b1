import {
  latency,
  pulling,
  type Run,
  type Subscribing,
  sending,
  subscribing,
  type Via,
} from './runs.ts';

export interface Workload {
  name: string;
  title: string;
  via: Via;
  /** What is compared: the rate, where more is better, or the p99, where less is better. */
  judged: 'rate' | 'p99';
  /** Bytes of data in a message. */
  size: number;
  run: Run;
}

export const keyOf = ({ via, name }: Pick<Workload, 'via' | 'name'>) => `${via}/${name}`;

/** Returns the title with the place where the workload is measured, unless that is daprd. */
export const titleOf = ({ via, title }: Pick<Workload, 'via' | 'title'>) =>
  via === 'socket' ? `at the socket: ${title}` : title;

/** @throws Error when there is no such workload */
export function findWorkload(key: string): Workload {
  const found = workloads.find((workload) => keyOf(workload) === key);
  if (!found) throw new Error(`no workload ${key}`);
  return found;
}

const usual = 256;
const kilobyte = 1024;

function publish(via: Via, callers: number): Workload {
  return {
    name: `publish-${callers}`,
    title: `publish, ${callers} ${callers === 1 ? 'caller' : 'callers'}`,
    via,
    judged: 'rate',
    size: usual,
    run: sending(via, 'publish', { callers, size: usual }),
  };
}

function bulk(via: Via): Workload {
  return {
    name: 'bulk',
    title: 'bulk publish, 4 callers × 100',
    via,
    judged: 'rate',
    size: usual,
    run: sending(via, 'bulk', { callers: 4, entries: 100, size: usual }),
  };
}

function timed(via: Via): Workload {
  return {
    name: 'latency',
    title: 'latency at 500 messages a second',
    via,
    judged: 'p99',
    size: usual,
    run: latency(via, 500),
  };
}

function subscribe(name: string, title: string, options: Subscribing): Workload {
  const { size } = options;
  return { name, title, via: 'daprd', judged: 'rate', size, run: subscribing(options) };
}

/** Returns the workloads with larger messages. */
function larger(kilobytes: number): Workload[] {
  const size = kilobytes * kilobyte;
  return [
    {
      name: `publish-32-${kilobytes}k`,
      title: `publish, 32 callers, ${kilobytes} KB`,
      via: 'daprd',
      judged: 'rate',
      size,
      run: sending('daprd', 'publish', { callers: 32, size }),
    },
    subscribe(`subscribe-${kilobytes}k`, `subscribe, \`parallel\`, ${kilobytes} KB`, {
      size,
      messages: kilobytes > 100 ? 1_000 : 40_000,
      concurrency: 'parallel',
      dispatch: 'concurrent',
    }),
  ];
}

/** In the order in which they run and are reported. */
export const workloads: readonly Workload[] = [
  publish('daprd', 1),
  publish('daprd', 32),
  publish('daprd', 256),
  bulk('daprd'),
  subscribe('subscribe-single', 'subscribe, `single`', {
    size: usual,
    messages: 24_000,
    concurrency: 'single',
    dispatch: 'concurrent',
  }),
  subscribe('subscribe-parallel', 'subscribe, `parallel`', {
    size: usual,
    messages: 60_000,
    concurrency: 'parallel',
    dispatch: 'concurrent',
  }),
  subscribe('subscribe-serial', 'subscribe, serial daprd', {
    size: usual,
    messages: 24_000,
    dispatch: 'serial',
  }),
  timed('daprd'),
  publish('socket', 1),
  publish('socket', 32),
  publish('socket', 256),
  bulk('socket'),
  {
    name: 'subscribe',
    title: 'pull, acknowledged at once',
    via: 'socket',
    judged: 'rate',
    size: usual,
    run: pulling(usual, 100_000),
  },
  timed('socket'),
  ...larger(4),
  ...larger(256),
];
