import {
  type Case,
  connectionError,
  frames,
  onStream,
  served,
  streamError,
  testCases,
  useScene,
} from '../../support/hostile-cases.ts';
import {
  initialWindow,
  most31,
  setting,
  settings,
  windowUpdate,
} from '../../support/http2/frames.ts';

const { INITIAL_WINDOW_SIZE, MAX_FRAME_SIZE, ENABLE_PUSH, HEADER_TABLE_SIZE } = setting;
const { MAX_CONCURRENT_STREAMS, MAX_HEADER_LIST_SIZE } = setting;
const flowError = connectionError('FLOW_CONTROL_ERROR');
const protocolError = connectionError('PROTOCOL_ERROR');

const badSettings: Case[] = [
  frames('ENABLE_PUSH 2 (RFC 9113 6.5.2)', [settings([ENABLE_PUSH, 2])], protocolError),
  frames('INITIAL_WINDOW_SIZE 2^31 (6.5.2)', [settings([INITIAL_WINDOW_SIZE, 2 ** 31])], flowError),
  frames(
    'INITIAL_WINDOW_SIZE 2^32 - 1 (6.5.2)',
    [settings([INITIAL_WINDOW_SIZE, 2 ** 32 - 1])],
    flowError,
  ),
  ...[0, 16_383, 2 ** 24, 2 ** 32 - 1].map((size) =>
    frames(`MAX_FRAME_SIZE ${size} (6.5.2)`, [settings([MAX_FRAME_SIZE, size])], protocolError),
  ),
];

const goodSettings: Case[] = [
  ...(
    [
      ['MAX_FRAME_SIZE 2^24 - 1', [[MAX_FRAME_SIZE, 2 ** 24 - 1]]],
      ['HEADER_TABLE_SIZE 0', [[HEADER_TABLE_SIZE, 0]]],
      ['HEADER_TABLE_SIZE 2^32 - 1', [[HEADER_TABLE_SIZE, 2 ** 32 - 1]]],
      ['MAX_CONCURRENT_STREAMS 0', [[MAX_CONCURRENT_STREAMS, 0]]],
      ['MAX_HEADER_LIST_SIZE 2^32 - 1', [[MAX_HEADER_LIST_SIZE, 2 ** 32 - 1]]],
      ['ENABLE_PUSH 0', [[ENABLE_PUSH, 0]]],
      ['settings that are not defined', [0, 7, 0x0a0a, 0xffff].map((id) => [id, 2 ** 32 - 1])],
      [
        'one setting 30 times, the last value counts',
        Array.from({ length: 30 }, (_, value) => [INITIAL_WINDOW_SIZE, value]),
      ],
    ] as [string, [number, number][]][]
  ).map(
    ([name, list]): Case => ({
      title: `${name}: acknowledged and served (6.5)`,
      outcome: served,
      send: async (client) => {
        client.send(settings(...list));
        await client.settled(2);
        return client.request('Ping');
      },
    }),
  ),
];

const windows: Case[] = [
  frames('WINDOW_UPDATE of 0 for the connection (6.9)', [windowUpdate(0, 0)], protocolError),
  onStream(
    'WINDOW_UPDATE of 0 for a stream (6.9)',
    (stream) => [windowUpdate(stream, 0)],
    streamError('PROTOCOL_ERROR'),
  ),
  frames('a window of the connection over 2^31 - 1 (6.9.1)', [windowUpdate(0, most31)], flowError),
  onStream(
    'a window of a stream over 2^31 - 1 (6.9.1)',
    (stream) => [windowUpdate(stream, most31)],
    streamError('FLOW_CONTROL_ERROR'),
  ),
  onStream(
    'a window of a stream over 2^31 - 1 by INITIAL_WINDOW_SIZE (6.9.2)',
    (stream) => [
      windowUpdate(stream, most31 - initialWindow),
      settings([INITIAL_WINDOW_SIZE, 65_536]),
    ],
    flowError,
  ),
  {
    title: 'windows of exactly 2^31 - 1: served (6.9.1)',
    outcome: served,
    send: (client) => {
      client.send(windowUpdate(0, most31 - initialWindow));
      const stream = client.request('Ping');
      client.send(windowUpdate(stream, most31 - initialWindow));
      return stream;
    },
  },
];

testCases(useScene(), [...badSettings, ...goodSettings, ...windows]);
