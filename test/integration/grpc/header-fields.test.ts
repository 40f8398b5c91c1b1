import { expect, test } from 'vitest';
import {
  type Case,
  call,
  emptyMessage,
  malformed,
  pingBlock,
  pingPath,
  served,
  testCases,
  useScene,
} from '../../support/hostile-cases.ts';
import { data, flag, headers, lastData } from '../../support/http2/frames.ts';
import { encodeHeaders, type Header } from '../../support/http2/hpack.ts';
import { requestHeaders } from '../../support/http2/request.ts';

const request = requestHeaders(pingPath);
const without = (name: string) => request.filter(([key]) => key !== name);
const changed = (name: string, value: string) =>
  request.map(([key, old]): Header => [key, key === name ? value : old]);

/** A Ping with these headers. */
const list = (title: string, fields: Header[], outcome: readonly string[] = malformed): Case =>
  call(
    title,
    (stream) => [headers(stream, encodeHeaders(fields)), lastData(stream, emptyMessage)],
    outcome,
  );

/** A Ping with one field more. */
const field = (name: string, value: string, outcome?: readonly string[]): Case =>
  list(`${JSON.stringify(name)}: ${JSON.stringify(value)}`, [...request, [name, value]], outcome);

const pseudoHeaders: Case[] = [
  list('no header at all (RFC 9113 8.3.1)', []),
  ...[':method', ':scheme', ':path'].map((name) => list(`no ${name} (8.3.1)`, without(name))),
  ...[':method', ':scheme', ':path', ':authority'].map((name) =>
    list(`${name} twice (8.3)`, [...request.filter(([key]) => key === name), ...request]),
  ),
  list('an empty :path (8.3.1)', changed(':path', '')),
  list('an unknown pseudo-header (8.3)', [[':version', '2'], ...request]),
  list('a pseudo-header of a response (8.3)', [[':status', '200'], ...request]),
  list('a pseudo-header after a field (8.3)', [
    ...without(':path'),
    ...request.filter(([key]) => key === ':path'),
  ]),
  list(
    'no :authority and no host: refused, or served as gRPC does not need it (8.3.1)',
    without(':authority'),
    [...malformed, ...served],
  ),
  list(
    'host in place of :authority: served (8.3.1)',
    [...without(':authority'), ['host', 'localhost']],
    served,
  ),
  list(
    'another order of the pseudo-headers: served (8.3)',
    [...request.slice(0, 4).reverse(), ...request.slice(4)],
    served,
  ),
  list('CONNECT with :scheme and :path (8.5)', changed(':method', 'CONNECT'), [
    ...malformed,
    'HTTP 405',
  ]),
];

const names: Case[] = [
  field('X-Upper', 'a'),
  field('x-uppeR', 'a'),
  field('', 'a'),
  field('x a', 'a'),
  field('x\ta', 'a'),
  field('x\0a', 'a'),
  field('x\ra', 'a'),
  field('x:a', 'a'),
  field('x\x7f', 'a'),
  field('x-\xe9', 'a'),
];

const values: Case[] = [
  field('x-a', 'a\0b'),
  field('x-a', 'a\rb'),
  field('x-a', 'a\nb'),
  field('x-a', '\n'),
  field('x-a', '', served),
  field('x-a', 'a b\tc', served),
  field('x-a', '\xe9', served),
  // RFC 9113 8.2.1 forbids it, gRPC lets a server strip it.
  field('x-a', ' a ', [...malformed, ...served]),
];

const connectionHeaders: Case[] = [
  ...['connection', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'upgrade'].map((name) =>
    field(name, 'close'),
  ),
  list('te: gzip (8.2.2)', changed('te', 'gzip')),
  list('te: trailers, deflate (8.2.2)', changed('te', 'trailers, deflate')),
  list('no te: served, or refused as not gRPC', without('te'), [...served, ...malformed]),
  field('host', 'localhost', served),
  field('cookie', 'a=b; c=d', served),
];

/** A Ping whose body has five bytes. */
const contentLength = (value: string, outcome?: readonly string[]) =>
  field('content-length', value, outcome);

const lengths: Case[] = [
  contentLength('5', served),
  ...['0', '4', '6', '1000000', '-5', '5.0', '0x5', 'five', '5 5', '18446744073709551621'].map(
    (value) => contentLength(value),
  ),
  list('two lengths that differ (8.1.1)', [
    ...request,
    ['content-length', '5'],
    ['content-length', '6'],
  ]),
  call(
    'a length, and END_STREAM with the headers (8.1.1)',
    (stream) => [
      headers(stream, encodeHeaders([...request, ['content-length', '5']]), flag.END_STREAM),
    ],
    malformed,
  ),
  call(
    'more DATA than the length, before END_STREAM (8.1.1)',
    (stream) => [
      headers(stream, encodeHeaders([...request, ['content-length', '5']])),
      data(stream, Buffer.concat([emptyMessage, emptyMessage])),
    ],
    malformed,
  ),
];

const scene = useScene();
testCases(scene, [...pseudoHeaders, ...names, ...values, ...connectionHeaders, ...lengths]);

test('a malformed request does not harm the calls beside it, and its fields stay in the table', async () => {
  using client = await scene.open();
  const running = client.nextStream();
  client.send(headers(running, pingBlock));
  const wrong = client.nextStream();
  client.send(headers(wrong, encodeHeaders(without(':path')), flag.END_STREAM));
  client.send(lastData(running, emptyMessage));
  const outcome = await client.outcome(wrong);
  expect(outcome).toBeOneOf([...malformed]);
  if (!outcome.startsWith('GOAWAY')) expect(await client.outcome(running)).toBe('OK');
});
