import { messageOf } from '../errors.ts';
import type { Logger } from '../log.ts';
import { type Sidecar, SidecarError } from './sidecar.ts';

/** How often daprd is asked for its Components, until it has initialised one here. Unit: milliseconds. */
const askInterval = 1_000;

/** How long daprd may take to shut down before it is told again. Unit: milliseconds. */
const shutdownLimit = 15_000;

/** How long a call shows that its caller is orphaned, if daprd cannot be asked. Unit: milliseconds. */
const lapse = 60_000;

/** Orphaned names that are remembered: a caller can invent names. */
const mostNames = 100;

/** Initialised names that are remembered. Beyond them daprd's list of Components shows nothing any more. */
const mostInitialised = 10_000;

interface Orphan {
  /** What showed the orphan last: a call, or daprd's list. */
  by: 'call' | 'list';
  /** When, in terms of performance.now(). */
  last: number;
}

export interface OrphanWatchOptions {
  /** Type of the Components served here: `pubsub.<socket name>`. */
  type: string;
  /** A feature that a built-in Component of the same type does not have. */
  feature: string;
  sidecar: Sidecar | undefined;
  /** Whether an orphaned daprd is told to shut down, so that its supervisor starts it again. */
  restart: boolean;
  /** Called with each change. */
  orphaned(is: boolean): void;
  log: Logger;
}

/**
 * Notices a daprd that has outlived the component it had initialised.
 *
 * daprd calls Init and opens its subscriptions once, at its own start. When the component alone is restarted,
 * daprd continues, but neither publishing nor subscriptions work (docs/operations.md, "Orphaned"). Two things
 * show it: calls for a Component that was never initialised in this process, and daprd's list of its Components.
 */
export class OrphanWatch {
  readonly #options: OrphanWatchOptions;
  readonly #initialised = new Set<string>();
  readonly #orphans = new Map<string, Orphan>();
  #timer: NodeJS.Timeout | undefined;
  #shutdownAt = Number.NEGATIVE_INFINITY;
  #lastProblem = '';
  #wasOrphaned = false;
  #stopped = false;

  constructor(options: OrphanWatchOptions) {
    this.#options = options;
    if (options.sidecar) void this.#ask(options.sidecar);
  }

  /** To be called when a daprd has initialised the Component in this process. */
  initialised(name: string): void {
    if (this.#initialised.size < mostInitialised) this.#initialised.add(name);
    this.#orphans.delete(name);
    this.#tell();
  }

  /** To be called when a daprd calls for a Component that was never initialised in this process. */
  called(name: string): void {
    // Not from daprd: it always names its Component.
    if (name === '') return;
    this.#found(name, 'call');
    const { sidecar } = this.#options;
    if (sidecar && !this.#timer) void this.#ask(sidecar);
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  async #ask(sidecar: Sidecar): Promise<void> {
    const { type, feature, log } = this.#options;
    // Also keeps a second round from starting.
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      if (this.#orphans.size > 0 || this.#initialised.size === 0) void this.#ask(sidecar);
    }, askInterval);
    this.#timer.unref();
    this.#forgetOld();
    try {
      const loaded = await sidecar.components(type, feature);
      if (this.#stopped || this.#initialised.size >= mostInitialised) return;
      // daprd may have restarted without that Component.
      for (const [name, { by }] of this.#orphans) {
        if (by === 'list' && !loaded.includes(name)) this.#orphans.delete(name);
      }
      this.#tell();
      const orphans = loaded.filter((name) => !this.#initialised.has(name));
      // A daprd whose URL was guessed may use another component. Only a call shows that it uses this one.
      const sure = orphans.filter((name) => !sidecar.guessed || this.#orphans.has(name));
      for (const name of sure) this.#found(name, 'list');
      if (sure.length > 0) await this.#restart(sidecar);
      this.#lastProblem = '';
    } catch (error) {
      const problem = `daprd at ${sidecar.url} does not answer as it should: ${messageOf(error)}`;
      // A daprd that cannot be reached has not started yet, or restarts.
      const news = error instanceof SidecarError && problem !== this.#lastProblem;
      log[news ? 'warn' : 'debug'](problem);
      if (news) this.#lastProblem = problem;
    }
  }

  async #restart(sidecar: Sidecar): Promise<void> {
    const { restart, log } = this.#options;
    if (!restart || performance.now() - this.#shutdownAt < shutdownLimit) return;
    this.#shutdownAt = performance.now();
    log.warn(`telling daprd at ${sidecar.url} to shut down, for its supervisor to start it again`);
    await sidecar.shutdown();
  }

  #found(name: string, by: Orphan['by']): void {
    const { log, restart, sidecar } = this.#options;
    const known = this.#orphans.has(name);
    if (!known && this.#orphans.size >= mostNames) return;
    this.#orphans.set(name, { by, last: performance.now() });
    if (known) return;
    log.error(
      { component: name },
      `daprd uses "${name}" without having initialised it: this process was restarted, daprd was ` +
        'not, so neither publishing nor subscriptions work. Restart daprd (in Kubernetes: the pod)' +
        (restart && sidecar ? '' : ', or let --restart-orphaned-sidecar do it'),
    );
    this.#tell();
    if (!sidecar) this.#lapse();
  }

  /** Forgets orphans after a while, because daprd cannot be asked whether they still are. */
  #lapse(): void {
    if (this.#timer || this.#orphans.size === 0) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#forgetOld();
      this.#lapse();
    }, lapse / 4);
    this.#timer.unref();
  }

  #forgetOld(): void {
    const since = performance.now() - lapse;
    for (const [name, { last }] of this.#orphans) if (last < since) this.#orphans.delete(name);
    this.#tell();
  }

  #tell(): void {
    const is = this.#orphans.size > 0;
    if (is === this.#wasOrphaned) return;
    this.#wasOrphaned = is;
    this.#options.orphaned(is);
    if (!is) this.#options.log.info('no daprd is orphaned any more');
  }
}
