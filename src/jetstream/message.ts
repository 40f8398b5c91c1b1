import type { Msg, MsgHdrs } from '@nats-io/transport-node';
import { ComponentError } from '../errors.ts';
import { cloudEventId } from './cloud-event.ts';

/** A message from the host, to be stored. */
export interface OutboundMessage {
  data: Uint8Array;
  metadata: Record<string, string>;
  contentType?: string;
}

/** A message on its way to the host. */
export interface InboundMessage {
  /** Names this delivery in its subscription: a redelivery has another. */
  id: string;
  data: Uint8Array;
  /** The topic as subscribed to, also where it is a wildcard. */
  topic: string;
  metadata: Record<string, string>;
  contentType: string;
}

/** What JetStream says of a delivery in its reply subject. */
export interface DeliveryInfo {
  stream: string;
  consumer: string;
  /** From 1. */
  deliveryCount: number;
  streamSequence: number;
  /** Counts the deliveries of its consumer, redeliveries included. */
  deliverySequence: number;
  /** When the stream took it: tells it from one at the same place of an earlier stream. */
  stored: string;
}

/** Metadata that steers daprd or this component, and is no header for the receiver. */
const steering = new Set(['msgid', 'topic', 'rawpayload', 'ttlinseconds']);

/** The publish metadata that names a message for JetStream; in any case. */
const isMessageId = (key: string) => key.toLowerCase() === 'msgid';

const contentTypeHeader = 'Content-Type';

/** The stream drops a second message with the same. */
export const messageIdHeader = 'Nats-Msg-Id';

/**
 * The headers a message is stored with: its metadata, a content type where one is known, and the
 * id that JetStream drops duplicates by.
 *
 * Metadata that comes in as headers goes out again when daprd moves a message to a dead letter
 * topic; `Nats-*` headers never do, they would steer the server.
 */
export function toHeaders(subject: string, message: OutboundMessage): StoredHeaders | undefined {
  const { data, metadata, contentType } = message;
  checkSize(metadata);
  let lines = '';
  for (const key in metadata) {
    const lower = key.toLowerCase();
    if (steering.has(lower) || lower.startsWith('nats-') || !isHeaderName(key)) continue;
    // In any case: a reader may take either of two.
    if (contentType && lower === 'content-type') continue;
    lines += line(key, metadata[key] as string);
  }
  if (contentType) lines += line(contentTypeHeader, contentType);
  const id = messageId(subject, data, metadata);
  if (id) lines += line(messageIdHeader, onOneLine(id));
  return lines === '' ? undefined : new StoredHeaders(lines, Boolean(id));
}

/** One header. A value stays on its line. */
function line(key: string, value: string): string {
  return `${key}: ${value.replace(/[\r\n]+/g, ' ').trim()}\r\n`;
}

/** Another id for each: what a header cannot hold must not become the same as something it can. */
function onOneLine(id: string): string {
  return /[\r\n]/.test(id) || id !== id.trim() ? JSON.stringify(id) : id;
}

/**
 * What a message is stored with beside its data. The client's own headers, which can be searched and
 * changed, cost as much to make as the rest of a publish; it asks no more of them than to be encoded.
 */
export class StoredHeaders {
  /** Whether a message id is among them. */
  readonly identified: boolean;
  readonly #lines: string;

  /** @param lines each of them with its end */
  constructor(lines: string, identified: boolean) {
    this.#lines = lines;
    this.identified = identified;
  }

  /** As NATS takes it. */
  encode(): Buffer {
    return Buffer.from(`NATS/1.0\r\n${this.#lines}\r\n`);
  }
}

/** What the server takes as headers; more keys than this take long to encode. Unit: bytes. */
const mostHeaderBytes = 64 * 1024;
const mostHeaders = 1_000;

function checkSize(metadata: Record<string, string>): void {
  let bytes = 0;
  let keys = 0;
  for (const key in metadata) {
    keys++;
    bytes += key.length + (metadata[key] as string).length + 4;
  }
  if (bytes > mostHeaderBytes) {
    const text = `the metadata is ${bytes} bytes; NATS takes 64 KiB of headers`;
    throw new ComponentError('invalid-request', text);
  }
  if (keys > mostHeaders) {
    throw new ComponentError('invalid-request', `${keys} metadata keys; at most ${mostHeaders}`);
  }
}

/**
 * A message's headers. The client decodes them when they are first asked for, and throws where it
 * finds what it would not write itself; any other client may have written that.
 *
 * @returns undefined where there are none, `unreadable` where they cannot be decoded
 */
export function headersOf(message: Msg): MsgHdrs | 'unreadable' | undefined {
  try {
    return message.headers;
  } catch {
    return 'unreadable';
  }
}

/** Headers as the host's metadata, with `Topic` naming the real subject. */
export function toInbound(message: Msg, topic: string, id: string): InboundMessage {
  const metadata: Record<string, string> = {};
  let contentType = '';
  const found = headersOf(message);
  if (found && found !== 'unreadable') {
    for (const key of found.keys()) {
      if (/^nats-/i.test(key)) continue;
      metadata[key] = found.values(key).join(', ');
    }
    contentType = found.get(contentTypeHeader);
  }
  metadata.Topic = message.subject;
  return { id, data: message.data, topic, metadata, contentType };
}

/** Metadata that one whole bulk shares: an id of its own each message must have itself. */
export function withoutMessageId(metadata: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(metadata).filter(([key]) => !isMessageId(key)));
}

/**
 * The id that JetStream drops duplicates by: `msgId` from the metadata, else a CloudEvent's id
 * joined with the subject, so that the same event in another topic of the same stream (a dead
 * letter) is not taken for a duplicate. Undefined for anything else: never dropped.
 */
export function messageId(
  subject: string,
  data: Uint8Array,
  metadata: Record<string, string>,
): string | undefined {
  for (const key in metadata) if (isMessageId(key) && metadata[key]) return metadata[key];
  const id = cloudEventId(data);
  return id && `${id}:${subject}`;
}

/** RFC 9110's token, which is also what NATS takes. */
function isHeaderName(key: string): boolean {
  return /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/.test(key);
}

/**
 * Reads the reply subject of a delivery, in its shorter form and the one with domain and account.
 *
 * @returns undefined for a message that JetStream did not deliver
 */
export function parseDelivery(reply: string | undefined): DeliveryInfo | undefined {
  const tokens = reply?.split('.') ?? [];
  if (tokens[0] !== '$JS' || tokens[1] !== 'ACK') return undefined;
  const start = tokens.length === 9 ? 2 : tokens.length >= 11 ? 4 : 0;
  if (start === 0) return undefined;
  const [stream, consumer, ...numbers] = tokens.slice(start) as string[];
  const [deliveryCount, streamSequence, deliverySequence] = numbers.map(Number) as number[];
  const stored = numbers[3] as string;
  return {
    stream: stream as string,
    consumer: consumer as string,
    deliveryCount: deliveryCount as number,
    streamSequence: streamSequence as number,
    deliverySequence: deliverySequence as number,
    stored,
  };
}
