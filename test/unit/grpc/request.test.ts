import { describe, expect, test } from 'vitest';
import type { HeaderField } from '../../../src/grpc/http2/hpack-decoder.ts';
import { checkTrailers, MalformedError, readRequest } from '../../../src/grpc/http2/request.ts';

const pseudo: HeaderField[] = [
  [':method', 'POST'],
  [':scheme', 'http'],
  [':path', '/a.B/C'],
  [':authority', 'localhost'],
];

test('a request of grpc-go', () => {
  const fields: HeaderField[] = [
    ['content-type', 'application/grpc'],
    ['user-agent', 'grpc-go/1.82.0'],
    ['te', 'trailers'],
    ['x-component-instance', 'pubsub'],
    ['x-component-instance', 'other'],
    ['grpc-trace-bin', 'AAA'],
  ];
  expect(readRequest([...pseudo, ...fields])).toEqual({
    method: 'POST',
    path: '/a.B/C',
    fields,
    contentLength: -1,
  });
});

test('the order of pseudo-headers does not matter, and :authority may be missing', () => {
  expect(readRequest(pseudo.toReversed().slice(1))).toMatchObject({ path: '/a.B/C' });
});

test('odd values that are allowed', () => {
  const fields: HeaderField[] = [
    ["!#$%&'*+-.^_`|~09az", 'v'],
    ['x-empty', ''],
    ['x-high', '\x80\xff'],
    ['x-inner', 'a \t b'],
    ['x-delete', 'a\x7f\x01b'],
  ];
  expect(readRequest([...pseudo, ...fields]).fields).toEqual(fields);
});

describe('a request is malformed', () => {
  test.each<[string, HeaderField[]]>([
    ['without :method', pseudo.filter(([name]) => name !== ':method')],
    ['without :scheme', pseudo.filter(([name]) => name !== ':scheme')],
    ['without :path', pseudo.filter(([name]) => name !== ':path')],
    ['with an empty :path', [...pseudo.slice(0, 2), [':path', '']]],
    ['with a forbidden character in :path', [...pseudo.slice(0, 2), [':path', '/a.B/C\r\n']]],
    ['with a forbidden character in :authority', [...pseudo, [':authority', 'a\0b']]],
    ['with a pseudo-header twice', [...pseudo, [':path', '/a.B/C']]],
    ['with a pseudo-header of a response', [...pseudo, [':status', '200']]],
    ['with an unknown pseudo-header', [...pseudo, [':x', '']]],
    ['with an empty pseudo-header name', [...pseudo, [':', '']]],
    ['with a pseudo-header in upper case', [...pseudo.slice(1), [':METHOD', 'POST']]],
    [
      'with a pseudo-header after a field',
      [...pseudo.slice(1), ['te', 'trailers'], ...pseudo.slice(0, 1)],
    ],
    ['with nothing', []],
  ])('%s', (_, list) => {
    expect(() => readRequest(list)).toThrow(MalformedError);
  });

  test.each(['__proto__', 'constructor', 'toString'])(
    'no name is taken for one seen before: %s',
    (name) => {
      expect(() => readRequest([...pseudo, [`:${name}`, 'x']])).toThrow(MalformedError);
    },
  );
});

const badFields: [string, HeaderField][] = [
  ['an empty name', ['', 'x']],
  ['a name in upper case', ['X-A', 'x']],
  ['a name with a space', ['x a', 'x']],
  ['a name with a colon inside', ['x:a', 'x']],
  ['a name with a control character', ['x\n', 'x']],
  ['a name that is not ASCII', ['x\xe9', 'x']],
  ['a value with a line feed', ['x', 'a\nb']],
  ['a value with a carriage return', ['x', 'a\rb']],
  ['a value with a zero', ['x', 'a\0b']],
  ['a value that begins with a space', ['x', ' a']],
  ['a value that begins with a tab', ['x', '\ta']],
  ['a value that ends with a space', ['x', 'a ']],
  ['a value of one space', ['x', ' ']],
  ['connection', ['connection', 'close']],
  ['proxy-connection', ['proxy-connection', 'close']],
  ['keep-alive', ['keep-alive', '1']],
  ['transfer-encoding', ['transfer-encoding', 'chunked']],
  ['upgrade', ['upgrade', 'h2c']],
  ['te with another value', ['te', 'gzip']],
  ['te with more than trailers', ['te', 'trailers, gzip']],
];

describe.each(badFields)('%s', (_, field) => {
  test('is not allowed in a request', () => {
    expect(() => readRequest([...pseudo, field])).toThrow(MalformedError);
  });

  test('is not allowed in trailers', () => {
    expect(() => checkTrailers([['x', 'y'], field])).toThrow(MalformedError);
  });
});

test('trailers may have fields, and no pseudo-headers', () => {
  checkTrailers([]);
  checkTrailers([
    ['x', 'y'],
    ['x', ''],
  ]);
  expect(() => checkTrailers([[':path', '/']])).toThrow(MalformedError);
});

describe('content-length', () => {
  test.each(['0', '5', '00005', '999999999999999'])('%s', (value) => {
    expect(readRequest([...pseudo, ['content-length', value]]).contentLength).toBe(Number(value));
  });

  test('the same one twice', () => {
    const twice: HeaderField[] = [
      ['content-length', '5'],
      ['content-length', '05'],
    ];
    expect(readRequest([...pseudo, ...twice]).contentLength).toBe(5);
  });

  test.each([
    [['x']],
    [['']],
    [['-1']],
    [['+1']],
    [['1.5']],
    [['5, 5']],
    [['9999999999999999']],
    [['5', '6']],
    [['0', '5']],
  ])('%j is malformed', (values) => {
    const fields = values.map((value): HeaderField => ['content-length', value]);
    expect(() => readRequest([...pseudo, ...fields])).toThrow(MalformedError);
  });
});
