import { createInbox, type Msg, type Subscription } from '@nats-io/transport-node';
import { ComponentError } from '../errors.ts';
import type { Connection } from './connection.ts';
import type { BoundConsumer } from './consumer.ts';

/** How long one pull request lasts when there is nothing to deliver. Unit: milliseconds. */
const longestRequest = 30_000;

/** How often the server says that a request is still alive. Unit: milliseconds. */
const heartbeat = 5_000;

/** Without a sign of life for so many heartbeats the requests count as lost. */
const mostMissed = 2;

/** What arrives while unsubscribing may take this long. Unit: milliseconds. */
const drainLimit = 1_000;

export interface PullOptions {
  connection: Connection;
  consumer: BoundConsumer;
  /** How many more messages there is room for now, not counting what has been asked for. */
  room(): number;
  /** Asking is worth a message to the server from this much room on. */
  worthwhile: number;
  /** Called with each message as it arrives; it is at most as many as there was room for. */
  receive(message: Msg): void;
  /** Called once when nothing more will come: the consumer or the requests are gone. */
  lost(reason: ComponentError): void;
}

/**
 * Asks one pull consumer for messages, never for more than there is room.
 *
 * Several requests may be open at the same time. Deliveries do not say which one they answer, so
 * only the sum of what is still owed is kept: each delivery lowers it by one, each ended request by
 * what the server says it left undone.
 */
export class Pull {
  readonly #options: PullOptions;
  readonly #inbox = createInbox();
  readonly #replies: Subscription;
  readonly #subject: string;
  readonly #onReconnect = () => this.#restart();
  readonly #heartbeat: number;
  readonly #expires: number;
  #watchdog: NodeJS.Timeout | undefined;
  #owed = 0;
  #requests = 0;
  #lastSign = performance.now();
  #over = false;

  constructor(options: PullOptions) {
    this.#options = options;
    const { connection, consumer } = options;
    this.#expires = Math.min(longestRequest, consumer.maxExpires ?? longestRequest);
    // The server wants at least two heartbeats in a request's life.
    this.#heartbeat = Math.min(heartbeat, this.#expires / 2);
    this.#subject = `${connection.apiPrefix}.CONSUMER.MSG.NEXT.${consumer.stream}.${consumer.name}`;
    this.#replies = connection.nats.subscribe(`${this.#inbox}.*`, {
      callback: (error, message) => {
        if (error) this.#lose(`NATS: ${error.message}`);
        else this.#arrived(message);
      },
    });
    connection.events.on('reconnected', this.#onReconnect);
    this.#watchdog = setInterval(() => this.#watch(), this.#heartbeat);
    this.#watchdog.unref();
    this.more();
  }

  /** To be called when room may have grown. */
  more(): void {
    if (this.#over || !this.#options.connection.connected) return;
    const { consumer, worthwhile } = this.#options;
    const batch = Math.min(this.#options.room() - this.#owed, consumer.maxBatch ?? Infinity);
    if (batch < Math.min(worthwhile, consumer.maxBatch ?? Infinity)) return;
    if (this.#owed === 0) this.#lastSign = performance.now();
    this.#owed += batch;
    const request = {
      batch,
      expires: this.#expires * 1e6,
      idle_heartbeat: this.#heartbeat * 1e6,
    };
    const reply = `${this.#inbox}.${++this.#requests}`;
    this.#options.connection.nats.publish(this.#subject, JSON.stringify(request), { reply });
  }

  /** Asks for no more; resolves within 1 s, when what was already on its way has arrived. */
  async stop(): Promise<void> {
    if (this.#over) return;
    this.#end();
    if (!this.#options.connection.connected) {
      if (!this.#options.connection.nats.isClosed()) this.#replies.unsubscribe();
      return;
    }
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((done) => {
      timer = setTimeout(done, drainLimit);
    });
    await Promise.race([this.#replies.drain().catch(() => undefined), late]);
    clearTimeout(timer);
  }

  #arrived(message: Msg): void {
    this.#lastSign = performance.now();
    const code = message.headers?.code;
    if (!code || message.data.length > 0 || message.reply?.startsWith('$JS.ACK')) {
      this.#owed = Math.max(0, this.#owed - 1);
      this.#options.receive(message);
      return;
    }
    if (this.#over) return;
    const { description = '' } = message.headers ?? {};
    switch (code) {
      case 100:
        return;
      case 404:
      case 408:
        this.#requestEnded(message);
        return;
      case 503:
        this.#lose('the consumer does not answer: it is gone, or its leader is being elected');
        return;
      default:
        if (/batch completed|exceeds maxbytes/i.test(description)) this.#requestEnded(message);
        else this.#lose(`the server ended the request: ${description} (${code})`);
    }
  }

  #requestEnded({ headers }: Msg): void {
    const left = Number(headers?.get('Nats-Pending-Messages'));
    // Without the figure the sum cannot be known: begin anew with what there is room for.
    this.#owed = Number.isFinite(left) ? Math.max(0, this.#owed - left) : 0;
    this.more();
  }

  #restart(): void {
    this.#owed = 0;
    this.more();
  }

  #watch(): void {
    if (this.#owed === 0 || !this.#options.connection.connected) return;
    const silence = performance.now() - this.#lastSign;
    if (silence > this.#heartbeat * mostMissed) {
      this.#lose(`no sign of life from the consumer for ${Math.round(silence / 1000)} s`);
    }
  }

  #lose(reason: string): void {
    if (this.#over) return;
    this.#end();
    if (!this.#options.connection.nats.isClosed()) this.#replies.unsubscribe();
    this.#options.lost(new ComponentError('unavailable', reason));
  }

  #end(): void {
    this.#over = true;
    clearInterval(this.#watchdog);
    this.#options.connection.events.off('reconnected', this.#onReconnect);
  }
}
