import { headers, type Msg, type MsgHdrs } from '@nats-io/transport-node';

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
}

/** Metadata that steers daprd or this component, and is no header for the receiver. */
const steering = new Set(['msgid', 'topic', 'rawpayload', 'ttlinseconds']);

const contentTypeHeader = 'Content-Type';

/**
 * The headers a message is stored with: its metadata, a content type where one is known, and the
 * id that JetStream drops duplicates by.
 *
 * Metadata that comes in as headers goes out again when daprd moves a message to a dead letter
 * topic; `Nats-*` headers never do, they would steer the server.
 */
export function toHeaders(subject: string, message: OutboundMessage): MsgHdrs | undefined {
  const { data, metadata, contentType } = message;
  let set: MsgHdrs | undefined;
  const add = (key: string, value: string) => {
    set ??= headers();
    set.set(key, value.replace(/[\r\n]+/g, ' '));
  };
  for (const key in metadata) {
    const lower = key.toLowerCase();
    if (steering.has(lower) || lower.startsWith('nats-') || !isHeaderName(key)) continue;
    add(key, metadata[key] as string);
  }
  if (contentType) add(contentTypeHeader, contentType);
  const id = messageId(subject, data, metadata);
  if (id) add('Nats-Msg-Id', id);
  return set;
}

/** Headers as the host's metadata, with `Topic` naming the real subject. */
export function toInbound(message: Msg, topic: string, id: string): InboundMessage {
  const metadata: Record<string, string> = {};
  let contentType = '';
  if (message.headers) {
    for (const key of message.headers.keys()) {
      if (/^nats-/i.test(key)) continue;
      metadata[key] = message.headers.values(key).join(', ');
    }
    contentType = message.headers.get(contentTypeHeader);
  }
  metadata.Topic = message.subject;
  return { id, data: message.data, topic, metadata, contentType };
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
  if (metadata.msgId) return metadata.msgId;
  const id = cloudEventId(data);
  return id && `${id}:${subject}`;
}

const openBrace = '{'.charCodeAt(0);
const specVersion = Buffer.from('"specversion"');

/** Only of a real CloudEvent: other JSON may have an `id` that means something else. */
function cloudEventId(data: Uint8Array): string | undefined {
  const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  if (bytes[0] !== openBrace || !bytes.includes(specVersion)) return undefined;
  try {
    const event = JSON.parse(bytes.toString('utf8'));
    const real = [event.specversion, event.id, event.source, event.type].every(
      (attribute) => typeof attribute === 'string' && attribute !== '',
    );
    return real ? event.id : undefined;
  } catch {
    return undefined;
  }
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
  const [stream, consumer, deliveryCount, streamSequence] = tokens.slice(start) as string[];
  return {
    stream: stream as string,
    consumer: consumer as string,
    deliveryCount: Number(deliveryCount),
    streamSequence: Number(streamSequence),
  };
}
