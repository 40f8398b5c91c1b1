import { type ConsumerInfo, jetstream } from '@nats-io/jetstream';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Host, type HostSubscription } from '../support/host.ts';
import { Ledger } from '../support/ledger.ts';
import { type Pair, startPair } from '../support/pair.ts';
import { TcpRelay } from '../support/relay.ts';
import { until } from '../support/wait.ts';

/** Runs, those that shrink a failure too, begin no later than this. Unit: milliseconds. */
const timeForRuns = 22_000;

/** With fewer runs the test says little. */
const leastRuns = 20;

/** Runs at a time. */
const lanes = 5;

/** Whatever is due after an ackWait, a refusal or a reconnect has come by then. Milliseconds. */
const patience = 4_000;

interface Settings {
  prefetchCount: number;
  /** Unit: milliseconds; the one set decides how long the server waits. */
  ackWait?: number;
  backOff?: number[];
}

const prefetchCount = fc.integer({ min: 1, max: 8 });
const backOff = fc.array(fc.integer({ min: 300, max: 450 }), { minLength: 1, maxLength: 3 });
const settings: fc.Arbitrary<Settings> = fc.oneof(
  fc.record({ prefetchCount, ackWait: fc.constant(400) }),
  fc.record({ prefetchCount, backOff }),
);

/** A stream, its consumer and a host of their own, and the ledger of what becomes of the messages. */
class Run implements AsyncDisposable {
  readonly window: number;
  readonly ackWait: number;
  readonly ledger: Ledger;
  published = 0;
  paused = false;
  /** Whether the server may wait for settlements of what a broken connection has swallowed. */
  #swallowed = false;
  lostConnections = 0;
  reconnects = 0;
  readonly #pair: Pair;
  readonly #relay: TcpRelay;
  readonly #name: string;
  readonly #settings: Settings;
  readonly #host: Host;
  #stack = new AsyncDisposableStack();
  #subscription: HostSubscription | undefined;
  #settlesAtOnce = false;
  #settled = 'none';

  private constructor(pair: Pair, relay: TcpRelay, name: string, settings: Settings) {
    this.#pair = pair;
    this.#relay = relay;
    this.#name = name;
    this.#settings = settings;
    this.#host = new Host(pair.component.socket, name);
    this.window = settings.prefetchCount;
    this.ackWait = Math.min(...(settings.backOff ?? [settings.ackWait ?? 0]));
    this.ledger = new Ledger(this);
  }

  static async start(
    pair: Pair,
    name: string,
    settings: Settings,
    running: Map<string, Run>,
  ): Promise<Run> {
    await using stack = new AsyncDisposableStack();
    const { nats } = pair;
    await nats.stream(name, name);
    stack.defer(() => nats.api.streams.delete(name).then(() => undefined));
    const relay = stack.use(await TcpRelay.start(nats.port));
    const run = new Run(pair, relay, name, settings);
    running.set(name, run);
    stack.defer(() => void running.delete(name));
    const settlements = nats.client.subscribe(`$JS.ACK.${name}.>`, {
      callback: (_, { subject, data }) => run.ledger.sent(subject, Buffer.from(data).toString()),
    });
    stack.defer(() => settlements.unsubscribe());
    await nats.client.flush();
    stack.use(run.#host);
    await run.#host.init({ natsURL: `nats://127.0.0.1:${relay.port}`, consumerID: 'app' });
    run.#subscribe();
    run.#stack = stack.move();
    return run;
  }

  /** Takes note of a line that the component logs about this run. */
  line(line: string): void {
    if (line.includes('lost the connection')) this.lostConnections++;
    if (line.includes('reconnected to NATS')) this.reconnects++;
  }

  async publish(count: number): Promise<void> {
    const stream = jetstream(this.#pair.nats.client);
    for (let index = 0; index < count; index++) {
      await stream.publish(this.#name, `${++this.published}`);
    }
  }

  settle(how: 'ack' | 'nak', id: string): void {
    this.ledger.says(how, id);
    this.#subscription?.[how](id);
    this.#settled = id;
  }

  /** Settles one of those it has. Unless paused, there is one for as long as anything is open. */
  async settleOne(how: 'ack' | 'nak', index: number): Promise<void> {
    const { ledger } = this;
    const { unsettled } = ledger;
    if (!this.paused && ledger.open(this.published) > 0) {
      await until(
        () => `a message to settle: ${ledger}`,
        () => unsettled.size > 0,
        patience,
      );
    }
    const id = [...unsettled.keys()][index % unsettled.size];
    if (id === undefined) return;
    this.settle(how, id);
    await this.#hoardsNothing();
  }

  /** Settles what is settled already, and what never was. */
  settleInVain(): void {
    const [open = '0'] = this.ledger.unsettled.keys();
    for (const id of [this.#settled, `${this.#settled}0000`, '-1', `${open}.5`, `0${open}`]) {
      if (this.ledger.unsettled.has(id)) continue;
      this.#subscription?.ack(id);
      this.#subscription?.nak(id);
    }
  }

  /** Lets the oldest exceed its ackWait. It comes again, unless there is no room for it. */
  async exceedAckWait(): Promise<void> {
    const { ledger, window } = this;
    const [oldest] = ledger.unsettled.values();
    if (oldest === undefined) return;
    const { unsettled, settled } = ledger.of(oldest);
    const longest = Math.max(...(this.#settings.backOff ?? [this.ackWait]));
    const since = performance.now();
    // Requests are made for a quarter of the window at least.
    const full = () => ledger.unsettled.size > window - Math.ceil(window / 4);
    const comesAgain = !settled && !this.paused;
    await until(
      () => `the redelivery of ${oldest}: ${ledger}`,
      () => {
        if (ledger.of(oldest).unsettled > Math.max(unsettled, 1)) return true;
        const waited = performance.now() - since > longest * 1.2;
        return waited && (!comesAgain || unsettled > 1 || full());
      },
      // A message that is kept alive while its handler is at it would take four.
      longest * 3,
    );
  }

  /** Breaks the connection to NATS; what the host says meanwhile counts once it is back. */
  async cut(settlements: Settlement[]): Promise<void> {
    this.#swallowed = true;
    this.ledger.mayRepeat = true;
    // What is on its way as a connection breaks may be lost.
    await this.even();
    const { lostConnections, reconnects } = this;
    this.#relay.cut();
    await until('a broken connection', () => this.lostConnections > lostConnections, patience);
    for (const { how, index } of settlements) {
      const ids = [...this.ledger.unsettled.keys()];
      const id = ids[index % ids.length];
      if (id !== undefined) this.settle(how, id);
    }
    await until('a new connection', () => this.reconnects > reconnects, patience);
  }

  async pause(): Promise<void> {
    this.ledger.mayGiveBack = true;
    this.paused = true;
    await this.#host.call('Pause');
  }

  async resume(): Promise<void> {
    this.paused = false;
    await this.#host.call('Resume');
  }

  /** The host's stream ends with whatever it had, and another one begins. */
  async subscribeAgain(): Promise<void> {
    this.ledger.mayGiveBack = true;
    this.#subscription?.end();
    await this.#subscription?.ended();
    this.ledger.ended();
    await this.even();
    this.#subscribe();
  }

  /** Waits until all that was said has been sent. */
  async even(): Promise<void> {
    const { ledger } = this;
    await until(
      () => `all that was said: ${ledger}`,
      () => ledger.even,
      patience,
    );
    expect(ledger.problems).toEqual([]);
  }

  /** Acknowledges everything as it comes, until nothing is left. */
  async finish(): Promise<void> {
    this.#settlesAtOnce = true;
    if (this.paused) await this.resume();
    for (const id of [...this.ledger.unsettled.keys()]) this.settle('ack', id);
    await until(
      () => `nothing left: ${this.ledger}`,
      async () => {
        const { num_pending, num_ack_pending, delivered } = await this.#consumer();
        return delivered.stream_seq >= this.published && num_pending + num_ack_pending === 0;
      },
      patience,
    );
    await this.even();
    for (let sequence = 1; sequence <= this.published; sequence++) {
      expect(this.ledger.arrived(sequence), `${sequence} reached the host`).toBe(true);
    }
  }

  /** The component has asked for no more than there is room for: none waits with it for the host. */
  async #hoardsNothing(): Promise<void> {
    if (this.#swallowed) return;
    const { ledger, window } = this;
    await until(
      () => `no more than ${window} messages with the component: ${ledger}`,
      async () => (await this.#consumer()).num_ack_pending <= window + ledger.refused,
      patience,
    );
  }

  #consumer(): Promise<ConsumerInfo> {
    return this.#pair.nats.api.consumers.info(this.#name, `app-${this.#name}`);
  }

  #subscribe(): void {
    const { prefetchCount, ackWait, backOff } = this.#settings;
    const subscription = this.#host.subscribe(this.#name, {
      prefetchCount: `${prefetchCount}`,
      ...(ackWait ? { ackWait: `${ackWait}ms` } : {}),
      ...(backOff ? { backOff: backOff.map((wait) => `${wait}ms`).join(',') } : {}),
    });
    subscription.onMessage = ({ id, data }) => {
      this.ledger.got(id, Number(data.toString()));
      if (this.#settlesAtOnce) this.settle('ack', id);
    };
    this.#subscription = subscription;
    // Ids begin anew: one of an earlier stream's may be another message's here.
    this.#settled = 'none';
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync();
  }
}

interface Settlement {
  how: 'ack' | 'nak';
  index: number;
}

/** What can be said before a run of whether a command makes sense in it. */
interface Model {
  published: boolean;
  paused: boolean;
}

type Command = fc.AsyncCommand<Model, Run>;

/** A command as one line, which is also how fast-check prints it. */
function command(
  name: string,
  run: (real: Run) => Promise<void>,
  check: (model: Model) => boolean = () => true,
  then: Partial<Model> = {},
): Command {
  return {
    check,
    run: async (model, real) => {
      Object.assign(model, then);
      await run(real);
      expect(real.ledger.problems).toEqual([]);
    },
    toString: () => name,
  };
}

const afterPublish = ({ published }: Model) => published;
const whilePaused = ({ paused }: Model) => paused;
const unlessPaused = ({ paused }: Model) => !paused;

const settlement = fc.record({ how: fc.constantFrom('ack', 'nak'), index: fc.nat({ max: 7 }) });
const publish = (count: number) =>
  command(`publish ${count}`, (run) => run.publish(count), undefined, { published: true });
const settle = ({ how, index }: Settlement) =>
  command(`${how} ${index}`, (run) => run.settleOne(how, index), afterPublish);
const inVain = command('settle in vain', async (run) => run.settleInVain(), afterPublish);
const exceed = command('exceed ackWait', (run) => run.exceedAckWait(), afterPublish);
const cut = (some: Settlement[]) =>
  command(`cut, and meanwhile ${some.map(settle).join(', ') || 'nothing'}`, (run) => run.cut(some));
const pause = command('pause', (run) => run.pause(), unlessPaused, { paused: true });
const resume = command('resume', (run) => run.resume(), whilePaused, { paused: false });
const subscribeAgain = command('subscribe again', (run) => run.subscribeAgain());

const commands = fc.commands(
  [
    fc.integer({ min: 1, max: 12 }).map(publish),
    // Most of what a host does.
    settlement.map(settle),
    settlement.map(settle),
    settlement.map(settle),
    fc.constant(inVain),
    fc.constant(exceed),
    fc.array(settlement, { maxLength: 4 }).map(cut),
    fc.constant(pause),
    fc.constant(resume),
    fc.constant(subscribeAgain),
  ],
  { maxCommands: 30, size: 'max' },
);

test('whatever happens, each message is settled as the host says, and none is forgotten', async () => {
  const running = new Map<string, Run>();
  const onLine = (line: string) => {
    for (const [name, run] of running) if (line.includes(`"component":"${name}"`)) run.line(line);
  };
  await using pair = await startPair({ component: { onLine } });
  const end = performance.now() + timeForRuns;
  let runs = 0;
  const lane = () =>
    fc.assert(
      fc.asyncProperty(settings, commands, async (settings, commands) => {
        if (performance.now() > end) return;
        const name = `run${++runs}`;
        await using real = await Run.start(pair, name, settings, running);
        const model = { published: false, paused: false };
        await fc.asyncModelRun(() => ({ model, real }), commands);
        await real.finish();
      }),
      { numRuns: 100 },
    );
  // A run mostly waits, so several go side by side. All end before what they stand on does.
  const outcomes = await Promise.allSettled(Array.from({ length: lanes }, lane));
  for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
  expect(runs).toBeGreaterThan(leastRuns);
});
