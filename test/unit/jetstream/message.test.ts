import { expect, test } from 'vitest';
import { messageId, parseDelivery, toHeaders } from '../../../src/jetstream/message.ts';

const event = (attributes: object) => Buffer.from(JSON.stringify(attributes));
const real = { specversion: '1.0', id: 'e1', source: 's', type: 't' };

test("a CloudEvent's id names the message, together with the subject", () => {
  expect(messageId('orders', event(real), {})).toBe('e1:orders');
  expect(messageId('dead', event(real), {})).toBe('e1:dead');
});

test.each([
  ['raw JSON that has an id', event({ id: 'x' })],
  ['null', Buffer.from('null')],
  ['a number', Buffer.from('7')],
  ['nothing', Buffer.alloc(0)],
  ['bytes', Buffer.from([0, 255, 1])],
  ['half a CloudEvent', event({ ...real, source: undefined })],
  ['an id that is no text', event({ ...real, id: 7 })],
  ['an empty id', event({ ...real, id: '' })],
  ['broken JSON', Buffer.from('{"specversion":"1.0","id":"a"')],
])('%s has no id', (_, data) => {
  expect(messageId('orders', data, {})).toBeUndefined();
});

test('msgId from the metadata wins', () => {
  expect(messageId('orders', event(real), { msgId: 'mine' })).toBe('mine');
  expect(messageId('orders', event(real), { MSGID: 'mine' })).toBe('mine');
});

test('metadata becomes headers, but nothing that steers', () => {
  const headers = toHeaders('orders', {
    data: Buffer.from('x'),
    metadata: {
      traceparent: '00-1',
      ttlInSeconds: '5',
      rawPayload: 'true',
      Topic: 'elsewhere',
      'Nats-Rollup': 'all',
      'nats-expected-stream': 'S',
      'bad key': '1',
      lines: 'a\r\nb',
    },
    contentType: 'text/plain',
  });
  const lines = ['NATS/1.0', 'traceparent: 00-1', 'lines: a b', 'Content-Type: text/plain'];
  expect(String(headers?.encode())).toBe([...lines, '', ''].join('\r\n'));
});

test("a content type is stored once: the message's own wins", () => {
  const metadata = { 'Content-Type': 'text/plain', 'content-type': 'text/html', a: '1' };
  const message = { data: Buffer.from('x'), metadata, contentType: 'application/json' };
  const text = 'NATS/1.0\r\na: 1\r\nContent-Type: application/json\r\n\r\n';
  expect(String(toHeaders('orders', message)?.encode())).toBe(text);
});

test('an id that fits on no line is another one than what is left of it', () => {
  const idOf = (msgId: string) =>
    /Nats-Msg-Id: (.*)\r\n/.exec(
      String(toHeaders('orders', { data: Buffer.from('x'), metadata: { msgId } })?.encode()),
    )?.[1];
  const ids = ['a b', 'a\nb', 'a\r\nb', ' a b', 'a b '];
  expect(idOf('a b')).toBe('a b');
  expect(new Set(ids.map(idOf)).size).toBe(ids.length);
});

test('a message without metadata has no headers', () => {
  expect(toHeaders('orders', { data: Buffer.from('x'), metadata: {} })).toBeUndefined();
});

test.each([
  ['$JS.ACK.S.C.2.17.5.1700000000.3', { stream: 'S', consumer: 'C', deliveryCount: 2 }],
  ['$JS.ACK.hub.acc.S.C.2.17.5.1700000000.3.rnd', { stream: 'S', consumer: 'C', deliveryCount: 2 }],
])('%s is read', (reply, wanted) => {
  const numbers = { streamSequence: 17, deliverySequence: 5, stored: '1700000000' };
  expect(parseDelivery(reply)).toEqual({ ...wanted, ...numbers });
});

test.each(['', '_INBOX.abc', '$JS.ACK.short', '$JS.API.x', undefined])('%s is none', (reply) => {
  expect(parseDelivery(reply)).toBeUndefined();
});
