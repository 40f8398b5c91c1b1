import { expect, test } from 'vitest';
import { checkPublishSubject, checkSubscribeSubject } from '../../../src/jetstream/subject.ts';

test.each(['orders', 'orders.created', 'a-b_c', '$KV.bucket.key', 'ü', 'a*b', 'x'.repeat(255)])(
  '%s can be published to',
  (topic) => {
    expect(() => checkPublishSubject(topic)).not.toThrow();
  },
);

test.each(['orders.*', 'orders.>', '>', '*.created'])('%s can only be subscribed to', (topic) => {
  expect(() => checkSubscribeSubject(topic)).not.toThrow();
  expect(() => checkPublishSubject(topic)).toThrow(/has a wildcard/);
});

test.each(['', ' ', 'a b', 'a\tb', 'a\r\nb', 'a..b', '.a', 'a.', '$JS.API.INFO', '$SYS.REQ.x'])(
  '%j can be neither',
  (topic) => {
    expect(() => checkPublishSubject(topic)).toThrow();
    expect(() => checkSubscribeSubject(topic)).toThrow();
  },
);

test('a topic that is too long is named by its start', () => {
  expect(() => checkPublishSubject('x'.repeat(256))).toThrow(/^the topic "x{40}…" .* 256 bytes/);
});

test('the wildcard > only stands at the end', () => {
  expect(() => checkSubscribeSubject('a.>.b')).toThrow(/before its end/);
});
