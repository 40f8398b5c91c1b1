import { randomUUID } from 'node:crypto';
import { headers, type Msg, type Subscription } from '@nats-io/transport-node';
import { ComponentError, type ErrorCode } from '../errors.ts';
import { fromApi } from './api-errors.ts';
import type { Connection } from './connection.ts';
import { type BoundConsumer, isStillThere } from './consumer.ts';
import { drain } from './drain.ts';
import { headersOf } from './message.ts';

/** Names who listens, on messages between those who do. */
const claimHeader = 'Dapr-Push-Claim';

/** Without a sign of life for so many heartbeats the consumer counts as lost. */
const mostMissed = 2;

/** A consumer without heartbeat is asked after so often: nobody says when it is gone. Milliseconds. */
const lookInterval = 10_000;

export interface PushOptions {
  connection: Connection;
  consumer: BoundConsumer & { deliverSubject: string };
  /** Called with each message as it arrives; unsettled ones are bounded by maxAckPending. */
  receive(message: Msg): void;
  /** The server waits for an answer to `reply` before it sends more: see flow control. */
  flowControl(reply: string): void;
  /** Called once when nothing more will come. */
  lost(reason: ComponentError): void;
}

/**
 * Listens to one push consumer. The server decides when it sends; what bounds it are maxAckPending
 * and, where the consumer has it, flow control.
 */
export class Push {
  readonly #options: PushOptions;
  /** Who came first, and a number by chance where two came at once. */
  readonly #claim = `${Date.now().toString().padStart(15, '0')}-${randomUUID()}`;
  readonly #deliveries: Subscription;
  readonly #watchdog: NodeJS.Timeout;
  #lastSign = performance.now();
  #over = false;

  constructor(options: PushOptions) {
    this.#options = options;
    const { connection, consumer } = options;
    this.#deliveries = connection.nats.subscribe(consumer.deliverSubject, {
      queue: consumer.deliverGroup,
      callback: (error, message) => {
        if (error) this.#lose(fromApi(error).message);
        else this.#arrived(message);
      },
    });
    if (!consumer.deliverGroup) this.#sendClaim();
    this.#watchdog = consumer.heartbeat
      ? setInterval(() => this.#watch(), consumer.heartbeat)
      : setInterval(() => void this.#look(), lookInterval);
    this.#watchdog.unref();
  }

  /** Nothing to ask for: the server pushes. */
  more(): void {}

  /** Its new leader goes on by itself. */
  leaderElected(): void {}

  /** Listens no more; resolves within 1 s, when what was already on its way has arrived. */
  async stop(): Promise<void> {
    if (this.#over) return;
    this.#end();
    await drain(this.#options.connection, this.#deliveries);
  }

  #arrived(message: Msg): void {
    this.#lastSign = performance.now();
    if (message.reply?.startsWith('$JS.ACK.')) {
      this.#options.receive(message);
      return;
    }
    const found = headersOf(message);
    if (this.#over || !found || found === 'unreadable') return;
    const claim = found.get(claimHeader);
    if (claim && claim !== this.#claim) {
      if (claim < this.#claim) this.#lose('another replica has the push consumer', 'taken');
      else this.#sendClaim();
    }
    if (found.code !== 100) return;
    // Either asks by its reply subject, or as a heartbeat that reminds of one asked before.
    const asked = message.reply || found.get('Nats-Consumer-Stalled');
    if (asked) this.#options.flowControl(asked);
  }

  /**
   * Without a deliver group each who listens gets every message. Two that started at once may both
   * have found the consumer free: the one that came first keeps it.
   */
  #sendClaim(): void {
    const { connection, consumer } = this.#options;
    const set = headers();
    set.set(claimHeader, this.#claim);
    connection.nats.publish(consumer.deliverSubject, '', { headers: set });
  }

  #watch(): void {
    const { connection, consumer } = this.#options;
    if (!connection.connected) {
      this.#lastSign = performance.now();
      return;
    }
    const silence = performance.now() - this.#lastSign;
    if (silence > (consumer.heartbeat ?? 0) * mostMissed) {
      this.#lose(`no heartbeat from the consumer for ${Math.round(silence / 1000)} s`);
    }
  }

  async #look(): Promise<void> {
    const { connection, consumer } = this.#options;
    if (!connection.connected) return;
    // Whatever keeps the server from answering does not keep it from delivering.
    const there = await isStillThere(connection, consumer).catch(() => true);
    if (!there) this.#lose('the consumer is gone');
  }

  #lose(reason: string, code: ErrorCode = 'unavailable'): void {
    if (this.#over) return;
    this.#end();
    if (!this.#options.connection.nats.isClosed()) this.#deliveries.unsubscribe();
    this.#options.lost(new ComponentError(code, reason));
  }

  #end(): void {
    this.#over = true;
    clearInterval(this.#watchdog);
  }
}
