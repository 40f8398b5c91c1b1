import { isDeepStrictEqual } from 'node:util';
import { ComponentError } from '../errors.ts';
import type { Logger } from '../log.ts';
import { within } from '../within.ts';
import { type ComponentLabels, ProcessCounts } from './counters.ts';
import type { Instance, InstanceStatus } from './instance.ts';

/** One connection of a host; compared by identity. */
export interface Connection {
  readonly number: number;
}

/** A host may dial again before the end of its old connection is noticed. Unit: milliseconds. */
const overlap = 2_000;

/** Names that one connection may call for in vain and be known for it. */
const mostStrangers = 100;

export type Properties = Record<string, string>;

export interface SessionsOptions {
  log: Logger;
  /** Told when a host has initialised a Component. */
  initialised(name: string): void;
  /** Told when a host calls for a Component that was never initialised in this process. */
  neverInitialised(name: string): void;
}

/** One Component of one host as it is now. */
export interface ComponentStatus {
  labels: ComponentLabels;
  /** Undefined until Init has succeeded. */
  instance: InstanceStatus | undefined;
  /** Why Init was refused, if it was. */
  refused: string | undefined;
}

/** How many consumers are asked after at a time. */
const mostAsked = 32;

/** Settings of closed connections that are kept for adoption, the oldest dropped first. */
const mostRemembered = 256;

/**
 * Which Component a call means.
 *
 * State belongs to a connection and a Component name together: several daprds may use the same
 * name on the same socket. A name alone decides only after an idle reconnect, where grpc-go dials
 * again without Init: then the settings of the one closed connection that used the name are
 * initialised anew ("adopted"). Adopting settings, not a live instance, lets everything that holds
 * a NATS connection end with its host's connection.
 */
export class Sessions {
  readonly counts = new ProcessCounts();
  readonly #options: SessionsOptions;
  readonly #log: Logger;
  readonly #live = new Map<Connection, Map<string, Slot>>();
  /** By connection and name: since when it calls in vain, in terms of performance.now(). */
  readonly #strangers = new WeakMap<Connection, Map<string, number>>();
  /** By name, then by consumerID: what a restarted or reloaded daprd sends replaces what it sent. */
  readonly #remembered = new Map<string, Remembered>();
  #connections = 0;
  #inits = 0;
  #stopped = false;
  #refreshing: Promise<void> | undefined;

  constructor(options: SessionsOptions) {
    this.#options = options;
    this.#log = options.log;
  }

  open(): Connection {
    const connection = { number: ++this.#connections };
    this.#live.set(connection, new Map());
    return connection;
  }

  /**
   * Initialises the Component of that name for the connection; one that was there is replaced.
   *
   * @throws ComponentError whatever {@link Instance.create} throws; later calls then say why, too
   */
  async init(connection: Connection, name: string, sent: Properties): Promise<void> {
    const slots = this.#slotsOf(connection);
    const properties = withUsersConsumerID(sent);
    if (this.#stopped) throw stopping();
    const before = slots.get(name);
    const slot: Slot = this.#start(name, properties, before);
    slots.set(name, slot);
    // Also when it is refused below: what is wrong then is something else.
    this.#options.initialised(name);
    const known = this.#remembered.get(keyOf({ name, properties }));
    if (known && known.gone > 0) known.gone--;
    try {
      await slot.instance;
    } catch (error) {
      // Later calls shall hear why, and not that there was no Init.
      slot.refused = ComponentError.from(error);
      throw error;
    }
  }

  /** The instance that is in use; undefined where {@link find} has to find it, or to say why not. */
  inUse(connection: Connection, name: string): Instance | undefined {
    return this.#live.get(connection)?.get(name)?.started;
  }

  /**
   * @throws ComponentError `not-initialised` where no Init was seen, or where it cannot be told
   *   which of several is meant
   */
  async find(connection: Connection, name: string): Promise<Instance> {
    const slots = this.#slotsOf(connection);
    const slot = slots.get(name);
    if (slot?.refused) {
      throw new ComponentError('not-initialised', `Init was refused: ${slot.refused.message}`);
    }
    if (slot) return slot.instance;
    if (this.#stopped) throw stopping();
    const adopted = this.#adopt(connection, name);
    slots.set(name, adopted);
    adopted.instance.catch(() => {
      if (slots.get(name) !== adopted) return;
      slots.delete(name);
      // Its next call tries again.
      const known = this.#remembered.get(keyOf({ name, properties: adopted.properties }));
      if (known) known.gone++;
    });
    return adopted.instance;
  }

  /** How many connections have initialised a Component, or tried to. */
  get hosts(): number {
    return [...this.#live.values()].filter((slots) => slots.size > 0).length;
  }

  /** Whether the connection has a Component that runs. */
  isInUse(connection: Connection): boolean {
    const slots = this.#live.get(connection)?.values() ?? [];
    return [...slots].some(({ started }) => started !== undefined);
  }

  /** Every Component that a host has initialised, in the order of their Inits. */
  status(): ComponentStatus[] {
    return this.#slots
      .toSorted(([, a], [, b]) => a.order - b.order)
      .map(([name, { properties, started, refused }]) => ({
        labels: labelsOf(name, properties),
        instance: started?.status(),
        refused: refused?.message,
      }));
  }

  /**
   * Has the backlog of every subscription asked for, where it is not known well enough: one round at a
   * time, for all who ask. Never rejects.
   */
  refreshBacklogs(): Promise<void> {
    this.#refreshing ??= this.#refresh().finally(() => {
      this.#refreshing = undefined;
    });
    return this.#refreshing;
  }

  async #refresh(): Promise<void> {
    const open = this.#slots.flatMap(([, { started }]) => started?.subscriptions ?? []);
    const ask = async () => {
      for (let next = open.pop(); next; next = open.pop()) await next.refreshBacklog();
    };
    await Promise.all(Array.from({ length: mostAsked }, ask));
  }

  get #slots(): [name: string, slot: Slot][] {
    return [...this.#live.values()].flatMap((slots) => [...slots]);
  }

  /** The connection is gone: its instances end, their settings stay adoptable. */
  close(connection: Connection): void {
    const slots = this.#live.get(connection);
    this.#live.delete(connection);
    for (const [name, { order, properties, instance, refused }] of slots ?? []) {
      const closed = performance.now();
      if (!refused) this.#remember({ name, order, properties, closed });
      void end(instance, 0);
    }
  }

  /**
   * Ends every instance within 4 s, letting handlers under way settle (see Instance.close). Until
   * its instance has ended a host may still publish: handlers need it to finish.
   */
  async closeAll(): Promise<void> {
    this.#stopped = true;
    const ended = Promise.all(this.#slots.map(([, { instance }]) => end(instance, handlersLimit)));
    await within(endLimit, ended);
  }

  #slotsOf(connection: Connection): Map<string, Slot> {
    const slots = this.#live.get(connection);
    if (!slots) throw stopping();
    return slots;
  }

  #start(name: string, properties: Properties, before?: Slot): Slot {
    const log = this.#log.child({ component: name });
    const instance = (async () => {
      const [{ Instance }] = await Promise.all([loadInstance(), before && end(before.instance, 0)]);
      const labels = labelsOf(name, properties);
      return Instance.create({ properties, counts: this.counts, labels, log });
    })();
    const slot: Slot = { order: ++this.#inits, properties, instance };
    instance.then(
      (started) => {
        slot.started = started;
      },
      // The caller awaits it too; this only keeps a failure from counting as unhandled.
      () => undefined,
    );
    return slot;
  }

  #remember(entry: Omit<Remembered, 'gone'>): void {
    const key = keyOf(entry);
    const known = this.#remembered.get(key);
    // An older connection may close after a newer one.
    if (known && known.order > entry.order) {
      known.gone++;
      return;
    }
    this.#remembered.delete(key);
    this.#remembered.set(key, { ...entry, gone: (known?.gone ?? 0) + 1 });
    if (this.#remembered.size > mostRemembered) {
      const [oldest] = this.#remembered.keys();
      if (oldest !== undefined) this.#remembered.delete(oldest);
    }
  }

  #adopt(connection: Connection, name: string): Slot {
    const known = [...this.#remembered.values()].filter((entry) => entry.name === name);
    // Whose hosts are all back did not come back on this one, nor did any on one that called in
    // vain while the other connection was still there.
    const strangers = this.#strangers.get(connection) ?? new Map<string, number>();
    const since = strangers.get(name) ?? performance.now();
    const [first, ...others] = known.filter(
      (entry) => entry.gone > 0 && entry.closed < since + overlap,
    );
    if (!first) {
      if (strangers.size < mostStrangers) strangers.set(name, since);
      this.#strangers.set(connection, strangers);
      this.#options.neverInitialised(name);
      throw new ComponentError(
        'not-initialised',
        `the component "${name}" was never initialised in this process: it was restarted after ` +
          'daprd had started, so restart daprd',
      );
    }
    if (others.some((entry) => !isDeepStrictEqual(entry.properties, first.properties))) {
      throw new ComponentError(
        'not-initialised',
        `several daprds have used the component "${name}" with different settings, and this ` +
          'connection was never initialised: restart this daprd',
      );
    }
    this.#log.info({ component: name }, 'a host reconnected without Init: its settings are reused');
    first.gone--;
    return this.#start(name, first.properties);
  }
}

/**
 * daprd knows `consumerID` in this spelling alone, and adds it, the app id, where the Component has another.
 * That one is the user's, and takes the place of the added one.
 */
function withUsersConsumerID(properties: Properties): Properties {
  const others = Object.entries(properties).filter(([key]) => key !== 'consumerID');
  const users = others.find(([key, value]) => /^consumerid$/i.test(key) && value.trim() !== '');
  if (!users) return properties;
  const rest = Object.fromEntries(others.filter((each) => each !== users));
  return { ...rest, consumerID: users[1].trim() };
}

function labelsOf(component: string, properties: Properties): ComponentLabels {
  return { component, app: properties.consumerID ?? '' };
}

function keyOf({ name, properties }: Pick<Remembered, 'name' | 'properties'>): string {
  return JSON.stringify(labelsOf(name, properties));
}

interface Remembered {
  name: string;
  /** Counts Inits. */
  order: number;
  properties: Properties;
  /** When its connection closed, in terms of performance.now(). */
  closed: number;
  /** How many hosts with these settings have closed a connection and not come back yet. */
  gone: number;
}

interface Slot extends Omit<Remembered, 'name' | 'closed' | 'gone'> {
  /** Why Init failed, if it did. */
  refused?: ComponentError;
  instance: Promise<Instance>;
  /** Once that has resolved. */
  started?: Instance;
}

function stopping(): ComponentError {
  return new ComponentError('closed', 'the component is stopping');
}

/**
 * Loads what an instance is made of: NATS and the fields. That takes as long as everything else at
 * start, and the socket can be served without it; so it comes after, while the host dials.
 */
export function loadInstance(): Promise<typeof import('./instance.ts')> {
  return import('./instance.ts');
}

/** What handlers get to finish when the process stops. Unit: milliseconds. */
const handlersLimit = 2_000;

/** Ending all instances takes no longer, whatever they are at. Unit: milliseconds. */
const endLimit = 4_000;

async function end(instance: Promise<Instance>, handlersLimit: number): Promise<void> {
  await instance.then(
    (started) => started.close(handlersLimit),
    () => undefined,
  );
}
