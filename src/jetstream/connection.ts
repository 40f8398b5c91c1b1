import { EventEmitter } from 'node:events';
import { type JetStreamManager, jetstreamManager } from '@nats-io/jetstream';
import {
  type ConnectionOptions,
  type NatsConnection,
  PermissionViolationError,
} from '@nats-io/transport-node';
import type { Config } from '../component/config.ts';
import { ComponentError, messageOf } from '../errors.ts';
import type { Logger } from '../log.ts';
import { within } from '../within.ts';
import { authentication } from './credentials.ts';
import { dial } from './dial.ts';
import { Outbox } from './outbox.ts';
import { type Permissions, refusal } from './permissions.ts';

/** Between two dials of the same server, plus as much again by chance. Unit: milliseconds. */
const reconnectWait = 250;

/**
 * How often a silent server is asked for a sign of life, and how many may stay unanswered: a peer
 * that vanished without closing is noticed within 15 s. Unit: milliseconds.
 */
const pings = { interval: 5_000, unanswered: 2 };

/** An answer of the JetStream API. Unit: milliseconds. */
const apiLimit = 5_000;

/** Refusals remembered so as to say each once; those of publishing name any subject. */
const mostTold = 100;

/** What is still to be written when the connection ends may take this long. Unit: milliseconds. */
const flushLimit = 1_000;

interface Events {
  disconnected: [];
  /** Connected again; what was asked of the server before is forgotten there. */
  reconnected: [];
  /** The server has refused a message to this subject, for want of permission. */
  publishDenied: [subject: string];
}

/** One connection as it is now. */
export interface ConnectionStatus {
  connected: boolean;
  /** `host:port` of the server in use, or used last. */
  server: string;
  /** How long there has been no connection; 0 while there is one. Unit: milliseconds. */
  disconnectedFor: number;
}

/** One Component's connection to NATS. Once open it reconnects for ever, until {@link close}. */
export class Connection {
  readonly nats: NatsConnection;
  /** JetStream's API; each call takes at most 5 s. */
  readonly api: JetStreamManager;
  /** Subject prefix of that API. */
  readonly apiPrefix: string;
  readonly events = new EventEmitter<Events>();
  /** Takes what is sent often, and written together. */
  readonly outbox: Outbox;
  readonly #log: Logger;
  #connected = true;
  /** In terms of performance.now(). */
  #disconnectedAt = 0;
  #closing = false;
  #advisoriesMissed = false;

  private constructor(nats: NatsConnection, api: JetStreamManager, log: Logger) {
    this.nats = nats;
    this.api = api;
    this.outbox = new Outbox(nats);
    this.apiPrefix = api.getOptions().apiPrefix ?? '$JS.API';
    this.#log = log;
    // One listener a subscription: hundreds are no leak.
    this.events.setMaxListeners(0);
    void this.#watch();
  }

  /**
   * Connects within 4.5 s; see {@link dial}.
   */
  static async open(config: Config, log: Logger): Promise<Connection> {
    const servers = config.natsURL.map(({ address }) => address);
    const options: ConnectionOptions = {
      name: config.name,
      ...authentication(config, log),
      pingInterval: pings.interval,
      maxPingOut: pings.unanswered,
      maxReconnectAttempts: -1,
      ignoreAuthErrorAbort: true,
      reconnectDelayHandler: () => reconnectWait * (1 + Math.random()),
    };
    const nats = await dial(servers, options);
    const api = await jetstreamManager(nats, {
      checkAPI: false,
      timeout: apiLimit,
      // Both at once, the client would let the domain win; the built-in component does not.
      ...(config.apiPrefix ? { apiPrefix: config.apiPrefix } : { domain: config.domain }),
    });
    return new Connection(nats, api, log);
  }

  get connected(): boolean {
    return this.#connected;
  }

  /** How long there has been no connection; 0 while there is one. Unit: milliseconds. */
  get disconnectedFor(): number {
    return this.#connected ? 0 : Math.max(performance.now() - this.#disconnectedAt, 1);
  }

  /** `host:port` of the server in use. */
  get server(): string {
    return this.nats.getServer();
  }

  status(): ConnectionStatus {
    const { connected, server, disconnectedFor } = this;
    return { connected, server, disconnectedFor };
  }

  /**
   * What the server lets this user do.
   *
   * @throws ComponentError `forbidden` where the user may not ask; `unavailable`
   */
  async permissions(): Promise<Permissions> {
    const subject = '$SYS.REQ.USER.INFO';
    try {
      const { data } = (await this.nats.request(subject)).json<{
        data: { permissions?: Permissions };
      }>();
      return data.permissions ?? {};
    } catch (error) {
      const { cause } = error as Error;
      if (cause instanceof PermissionViolationError && cause.subject === subject)
        throw new ComponentError('forbidden', `the user may not ask ${subject}`);
      throw new ComponentError('unavailable', `no answer from ${subject}: ${messageOf(error)}`);
    }
  }

  /** Resolves when the server has seen everything that was sent before. */
  flush(): Promise<void> {
    this.outbox.flush();
    return this.nats.flush();
  }

  /** Writes out what is pending and closes, within 1 s. */
  async close(): Promise<void> {
    this.#closing = true;
    if (this.#connected) await within(flushLimit, this.flush());
    await this.nats.close();
    this.#connected = false;
  }

  #withoutAdvisories(): void {
    if (this.#advisoriesMissed) return;
    this.#advisoriesMissed = true;
    this.#log.info(
      "the user may not subscribe to $JS.EVENT.ADVISORY.CONSUMER.>: a consumer's new leader is " +
        'noticed only after 10 s, and what is never settled (maxDeliver) gets no dead letter',
    );
  }

  async #watch(): Promise<void> {
    const told = new Set<string>();
    for await (const status of this.nats.status()) {
      switch (status.type) {
        case 'disconnect':
          if (!this.#connected || this.#closing) break;
          this.#connected = false;
          this.#disconnectedAt = performance.now();
          this.#log.warn(`lost the connection to NATS (${status.server}): reconnecting for ever`);
          this.outbox.clear();
          this.events.emit('disconnected');
          break;
        case 'staleConnection':
          this.#log.debug('NATS gives no sign of life, or has refused the credentials');
          destroySocket(this.nats);
          break;
        case 'reconnect': {
          // After refused dials the client says so once for each of them.
          if (this.#connected) break;
          const gap = (this.disconnectedFor / 1000).toFixed(1);
          this.#connected = true;
          told.clear();
          this.#log.info(`reconnected to NATS (${status.server}) after ${gap} s`);
          this.events.emit('reconnected');
          break;
        }
        case 'error': {
          const { error } = status;
          const refused = error instanceof PermissionViolationError;
          const { message } = refused ? refusal(error) : error;
          // The same refusal comes back with every attempt.
          const advisory = refused && error.subject.startsWith('$JS.EVENT.ADVISORY.');
          if (advisory) this.#withoutAdvisories();
          else if (!told.has(message)) this.#log.warn(`NATS: ${message}`);
          if (told.size >= mostTold) told.clear();
          told.add(message);
          if (refused && error.operation === 'publish') {
            this.events.emit('publishDenied', error.subject);
          }
          break;
        }
        case 'ldm':
          this.#log.info(`NATS server ${status.server} is about to shut down`);
          break;
      }
    }
    if (!this.#closing) this.#log.error('the NATS client closed the connection for good');
  }
}

/**
 * The client closes a silent connection only once its last bytes are written, which a peer that
 * takes none puts off for ever. It has no public way to the socket.
 */
function destroySocket(nats: NatsConnection): void {
  const inner = nats as unknown as {
    protocol?: { transport?: { socket?: { destroy(): void } } };
  };
  inner.protocol?.transport?.socket?.destroy();
}
