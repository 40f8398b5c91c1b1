import { createInbox, type Msg, type MsgHdrs, type Subscription } from '@nats-io/transport-node';
import { ComponentError } from '../errors.ts';
import { fromApi } from './api-errors.ts';
import type { Connection } from './connection.ts';
import type { BoundConsumer } from './consumer.ts';
import { drain } from './drain.ts';
import { headersOf } from './message.ts';

/** How long one pull request lasts when there is nothing to deliver. Unit: milliseconds. */
const longestRequest = 30_000;

/** How often the server says that a request is still alive. Unit: milliseconds. */
const heartbeat = 5_000;

/** Without a sign of life for so many heartbeats the requests count as lost. */
const mostMissed = 2;

/**
 * A server that is about to shut down says so and serves a request a little longer, whether it is
 * listened to or not: what it delivers then would come again only after ackWait. Milliseconds.
 */
const shutdownGrace = 1_000;

/**
 * What one request may bring. Not less than one message, or it would never come; subject and reply
 * come on top of the server's max_payload. Unit: bytes.
 */
const mostBytes = 16 * 1024 * 1024;
const besidesPayload = 64 * 1024;

export interface PullOptions {
  connection: Connection;
  consumer: BoundConsumer;
  /** How many more messages there is room for now, not counting what has been asked for. */
  room(): number;
  /** Asking is worth a message to the server from this much room on. */
  worthwhile: number;
  /** Called with each message as it arrives. */
  receive(message: Msg): void;
  /** Called once when the consumer or the requests are gone; nothing comes after it. */
  lost(reason: ComponentError): void;
}

interface Request {
  /** Messages it may still bring, as far as that can be told. */
  left: number;
  /** When the server has certainly ended it, in terms of performance.now(). */
  deadline: number;
}

/**
 * Asks one pull consumer for messages, never for more than there is room.
 *
 * Several requests may be open at the same time. Deliveries do not say which one they answer; the
 * server serves open requests in turn, and so they are counted here. It may have served one to its
 * end before it heard of the next, so what it says at a request's end puts the count right.
 */
export class Pull {
  readonly #options: PullOptions;
  readonly #subject: string;
  readonly #heartbeat: number;
  readonly #expires: number;
  readonly #onReconnect = () => this.#restart();
  readonly #onDenied = (subject: string) => {
    if (subject !== this.#subject) return;
    this.#lose(`the user may not ask for messages (publish to "${subject}" on the server)`);
  };
  readonly #watchdog: NodeJS.Timeout;
  /** By number, in the order in which the server will serve them. */
  readonly #open = new Map<number, Request>();
  #inbox = '';
  #replies: Subscription | undefined;
  #owed = 0;
  #requests = 0;
  #lastSign = performance.now();
  #shutdown: NodeJS.Timeout | undefined;
  #over = false;

  constructor(options: PullOptions) {
    this.#options = options;
    const { connection, consumer } = options;
    this.#expires = Math.min(longestRequest, consumer.maxExpires ?? longestRequest);
    // The server wants at least two heartbeats in a request's life.
    this.#heartbeat = Math.min(heartbeat, this.#expires / 2);
    this.#subject = `${connection.apiPrefix}.CONSUMER.MSG.NEXT.${consumer.stream}.${consumer.name}`;
    connection.events.on('reconnected', this.#onReconnect);
    connection.events.on('publishDenied', this.#onDenied);
    this.#watchdog = setInterval(() => this.#watch(), this.#heartbeat);
    this.#watchdog.unref();
    this.#listen();
    this.more();
  }

  /** To be called when room may have grown. */
  more(): void {
    const { connection, consumer, worthwhile, room } = this.#options;
    if (this.#over || !connection.connected) return;
    const most = consumer.maxBatch ?? Number.POSITIVE_INFINITY;
    const batch = Math.min(room() - this.#owed, most);
    if (batch < Math.min(worthwhile, most)) return;
    const now = performance.now();
    if (this.#owed === 0) this.#lastSign = now;
    this.#owed += batch;
    const number = ++this.#requests;
    const deadline = now + this.#expires + this.#heartbeat * mostMissed;
    this.#open.set(number, { left: batch, deadline });
    const oneMessage = (connection.nats.info?.max_payload ?? 0) + besidesPayload;
    const request = {
      batch,
      max_bytes: Math.min(Math.max(mostBytes, oneMessage), consumer.maxBytes ?? Infinity),
      expires: this.#expires * 1e6,
      idle_heartbeat: this.#heartbeat * 1e6,
    };
    const reply = `${this.#inbox}.${number}`;
    connection.outbox.send({
      subject: this.#subject,
      payload: JSON.stringify(request),
      options: { reply },
    });
  }

  /** The consumer has a new leader: it knows of no request made before. */
  leaderElected(): void {
    if (this.#over || !this.#options.connection.connected) return;
    const before = this.#replies;
    this.#replies = undefined;
    // Unless the old one does: then it hears that nobody waits, and what it has sent still arrives.
    if (before) void drain(this.#options.connection, before);
    this.#restart();
  }

  /** Asks for no more; resolves within 1 s, when what was already on its way has arrived. */
  async stop(): Promise<void> {
    if (this.#over) return;
    this.#end();
    if (this.#replies) await drain(this.#options.connection, this.#replies);
  }

  /** An inbox of its own each time: after a reconnect the server may serve the old requests too. */
  #listen(): void {
    const { nats } = this.#options.connection;
    this.#replies?.unsubscribe();
    const inbox = createInbox();
    this.#inbox = inbox;
    this.#replies = nats.subscribe(`${inbox}.*`, {
      callback: (error, message) => {
        if (inbox !== this.#inbox) {
          // Of requests that are given up: what they still bring is welcome, what they say is not.
          if (!error && isDelivery(message)) this.#options.receive(message);
        } else if (error) this.#lose(fromApi(error).message);
        else this.#arrived(message);
      },
    });
  }

  #arrived(message: Msg): void {
    this.#lastSign = performance.now();
    if (isDelivery(message)) {
      this.#served();
      this.#options.receive(message);
      return;
    }
    const headers = headersOf(message);
    if (this.#over || !headers || headers === 'unreadable') return;
    const { code, description } = headers;
    const number = Number(message.subject.slice(this.#inbox.length + 1));
    switch (code) {
      case 100:
        return;
      case 404:
      case 408:
        this.#ended(number, unservedOf(headers));
        return;
      case 503:
        this.#lose('the consumer does not answer: it is gone, or its leader is being elected');
        return;
      default:
        if (/batch completed|exceeds maxbytes/i.test(description)) {
          this.#ended(number, unservedOf(headers));
        } else if (/server shutdown/i.test(description)) this.#shuttingDown(description);
        else this.#lose(`the server ended the request: ${description} (${code})`);
    }
  }

  #served(): void {
    for (const [number, request] of this.#open) {
      if (request.left <= 0) continue;
      this.#owed--;
      request.left--;
      this.#open.delete(number);
      this.#open.set(number, request);
      return;
    }
  }

  /** @param unserved what it has not brought, where the server says so */
  #ended(number: number, unserved?: number): void {
    const request = this.#open.get(number);
    if (!request) return;
    this.#open.delete(number);
    // What it brought and was counted as another's, that one still has to bring.
    const [other] = this.#open.values();
    if (other && unserved !== undefined) {
      other.left += request.left - unserved;
      this.#owed -= unserved;
    } else this.#owed -= request.left;
    this.more();
  }

  /** Where the connection does not break, another node of the cluster was meant. */
  #shuttingDown(description: string): void {
    this.#shutdown ??= setTimeout(() => {
      if (!this.#options.connection.connected) return;
      this.#lose(`the consumer's server ended the request: ${description}`);
    }, shutdownGrace);
    this.#shutdown.unref();
  }

  #restart(): void {
    clearTimeout(this.#shutdown);
    this.#shutdown = undefined;
    this.#open.clear();
    this.#owed = 0;
    this.#listen();
    this.more();
  }

  #watch(): void {
    if (this.#owed === 0 || !this.#options.connection.connected) return;
    const now = performance.now();
    const silence = now - this.#lastSign;
    if (silence > this.#heartbeat * mostMissed) {
      this.#lose(`no sign of life from the consumer for ${Math.round(silence / 1000)} s`);
      return;
    }
    // A leader that crashed does not say which requests died with it.
    for (const [number, { deadline }] of this.#open) if (deadline < now) this.#ended(number);
  }

  #lose(reason: string): void {
    if (this.#over) return;
    this.#end();
    if (!this.#options.connection.nats.isClosed()) this.#replies?.unsubscribe();
    this.#options.lost(new ComponentError('unavailable', reason));
  }

  #end(): void {
    this.#over = true;
    clearInterval(this.#watchdog);
    clearTimeout(this.#shutdown);
    const { events } = this.#options.connection;
    events.off('reconnected', this.#onReconnect);
    events.off('publishDenied', this.#onDenied);
  }
}

function isDelivery({ reply }: Msg): boolean {
  return reply?.startsWith('$JS.ACK.') === true;
}

/** How many messages a request has not brought that a status ends; older servers do not say. */
function unservedOf(headers: MsgHdrs): number | undefined {
  const text = headers.get('Nats-Pending-Messages');
  return text === '' ? undefined : Number(text);
}
