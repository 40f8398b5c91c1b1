import { once } from 'node:events';
import { Metadata, status } from '@grpc/grpc-js';
import { describe, expect, test } from 'vitest';
import type { StreamingCall, UnaryCall } from '../../../src/grpc/method.ts';
import { code, StatusError } from '../../../src/grpc/status.ts';
import { serverKinds } from '../../support/grpc-servers.ts';
import { textServer } from '../../support/text-server.ts';
import { until } from '../../support/wait.ts';

type Stream = StreamingCall<string, string>;

describe.each(serverKinds)('the %s server', (kind) => {
  test('answers with response, metadata and trailers', async () => {
    await using server = await textServer(kind, {
      unary: (request, call) => {
        call.sendMetadata([['x-header', `header of ${request}`]]);
        call.answer(`answer to ${request}`, [['x-trailer-bin', Buffer.of(0, 255)]]);
        call.answer('second answer');
        call.fail({ code: code.INTERNAL });
      },
    });
    const outcome = await server.call('request');
    expect(outcome.response).toBe('answer to request');
    expect(outcome.metadata.get('x-header')).toEqual(['header of request']);
    expect(outcome.status.code).toBe(status.OK);
    expect(outcome.status.metadata.get('x-trailer-bin')).toEqual([Buffer.of(0, 255)]);
    expect((await server.call('')).response).toBe('answer to ');
  });

  test('hands over metadata, peer and path of a call', async () => {
    const seen: unknown[] = [];
    await using server = await textServer(kind, {
      unary: (_, call) => {
        const names = [...call.metadata.entries()].map(([name]) => name);
        seen.push(call.peer, call.path, call.metadata.get('x-text'), call.metadata.get('x-bin'));
        seen.push(call.metadata.get('x-none'), names.includes('x-text'), names.includes(':path'));
        seen.push(call.metadata.get('x-twice').join(',').replaceAll(' ', ''));
        call.answer('');
      },
    });
    const metadata = new Metadata();
    metadata.set('x-text', 'some, text');
    metadata.add('x-twice', 'one');
    metadata.add('x-twice', 'two');
    metadata.add('x-bin', Buffer.of(1));
    metadata.add('x-bin', Buffer.of(2, 3));
    await server.call('', { metadata });
    expect(seen).toEqual([
      { number: 1 },
      '/test.Service/Unary',
      ['some, text'],
      [Buffer.of(1), Buffer.of(2, 3)],
      [],
      true,
      false,
      'one,two',
    ]);
  });

  test('fails a call with its status, whatever the message has', async () => {
    await using server = await textServer(kind, {
      unary: (message, call) => {
        const trailers = [['x-reason', 'not now']] as const;
        call.fail({
          code: code.UNAVAILABLE,
          message: message || 'half \ud83d of a pair',
          trailers,
        });
      },
    });
    const message = '100 % of "this",\r\nand ☺ 😈';
    const { status: ended } = await server.call(message);
    expect(ended).toMatchObject({ code: status.UNAVAILABLE, details: message });
    expect(ended.metadata.get('x-reason')).toEqual(['not now']);
    expect((await server.call('')).status.details).toBe('half \ufffd of a pair');
  });

  test('leaves out metadata that a header field cannot hold', async () => {
    await using server = await textServer(kind, {
      unary: (_, call) => {
        call.sendMetadata([
          ['x-umlaut', 'ü'],
          ['x-line', 'a\nb'],
          ['x name', 'value'],
          ['x-good', 'value'],
        ]);
        call.answer('answer');
      },
    });
    const { response, metadata } = await server.call('');
    expect(response).toBe('answer');
    const names = Object.keys(metadata.getMap()).filter((name) => name.startsWith('x'));
    expect(names).toEqual(['x-good']);
    expect(server.defects).toEqual([]);
  });

  test('reports what a handler throws as a defect, but for a status', async () => {
    await using server = await textServer(kind, {
      unary: (request) => {
        if (request === 'status') throw new StatusError({ code: code.NOT_FOUND, message: 'none' });
        throw new Error('a defect');
      },
    });
    expect((await server.call('')).status.code).toBe(status.INTERNAL);
    expect(server.defects).toEqual([new Error('a defect')]);
    const { status: ended } = await server.call('status');
    expect(ended).toMatchObject({ code: status.NOT_FOUND, details: 'none' });
    expect(server.defects.length).toBe(1);
  });

  test('ends a stream whose handler throws, and tells the handler', async () => {
    const cancelled: string[] = [];
    await using server = await textServer(kind, {
      stream: (call) => {
        let last = '';
        call.onMessage = (request) => {
          last = request;
          if (request === 'message') throw new Error('onMessage');
        };
        call.onEnd = () => {
          throw new Error('onEnd');
        };
        call.onCancel = () => cancelled.push(last);
      },
    });
    for (const request of ['message', 'end']) {
      const stream = server.open();
      stream.call.end(request);
      expect((await stream.status).code).toBe(status.INTERNAL);
    }
    expect(server.defects).toEqual([new Error('onMessage'), new Error('onEnd')]);
    expect(cancelled).toEqual(['message', 'end']);
  });

  test('rejects a request that cannot be decoded', async () => {
    let cancelled = 0;
    const requests: string[] = [];
    await using server = await textServer(kind, {
      unary: (request) => requests.push(request),
      stream: (call) => {
        call.onMessage = (request) => requests.push(request);
        call.onCancel = () => cancelled++;
      },
    });
    expect((await server.call('bad')).status.code).toBe(status.INTERNAL);
    const stream = server.open();
    stream.call.write('good');
    stream.call.write('bad');
    expect((await stream.status).code).toBe(status.INTERNAL);
    expect(requests).toEqual(['good']);
    await until('the handler is told', () => cancelled === 1);
    expect(server.defects).toEqual([]);
  });

  test('reports a response that cannot be encoded as a defect', async () => {
    await using server = await textServer(kind, { unary: (_, call) => call.answer('bad') });
    expect((await server.call('')).status.code).toBe(status.INTERNAL);
    expect(server.defects).toEqual([new Error('the message is bad')]);
  });

  test('ends a call at its timeout, and tells the handler', async () => {
    const calls: UnaryCall<string>[] = [];
    let cancelled = 0;
    await using server = await textServer(kind, {
      unary: (_, call) => {
        calls.push(call);
        call.onCancel = () => {
          cancelled++;
          call.answer('too late');
        };
      },
    });
    const { status: ended } = await server.call('', { timeout: 300 });
    expect(ended.code).toBe(status.DEADLINE_EXCEEDED);
    await until('the handler is told', () => cancelled === 1);
    expect(calls[0]?.timeout).toBeGreaterThan(100);
    expect(calls[0]?.timeout).toBeLessThanOrEqual(300);
  });

  test('tells the handler of a cancelled stream', async () => {
    let open: Stream | undefined;
    let cancelled = 0;
    await using server = await textServer(kind, {
      stream: (call) => {
        open = call;
        call.onMessage = (request) => call.write(request);
        call.onCancel = () => cancelled++;
      },
    });
    const stream = server.open();
    stream.call.write('request');
    await once(stream.call, 'data');
    stream.call.cancel();
    await until('the handler is told', () => cancelled > 0);
    expect(open?.ended).toBe(true);
    expect(open?.write('more')).toBe(false);
    open?.end();
    expect(cancelled).toBe(1);
    expect(server.defects).toEqual([]);
  });

  test('holds a client back while the handler has paused, and loses nothing', async () => {
    const requests: string[] = [];
    let open: Stream | undefined;
    await using server = await textServer(kind, {
      stream: (call) => {
        open = call;
        call.pause();
        call.onMessage = (request) => {
          requests.push(request.slice(0, 5));
          if (requests.length === 20) call.pause();
        };
        call.onEnd = () => call.end();
      },
    });
    const stream = server.open();
    // More than all windows and buffers on the way.
    const sent = Array.from({ length: 400 }, (_, index) => `${index}`.padEnd(5));
    let written = 0;
    for (const each of sent) stream.call.write(each.padEnd(100_000), () => written++);
    stream.call.end();
    const held = async () => {
      const before = written;
      await new Promise((resolve) => setTimeout(resolve, 100));
      return open !== undefined && written === before;
    };
    await until('the client is held back', held);
    expect(written).toBeLessThan(sent.length);
    expect(requests).toEqual([]);
    open?.resume();
    await until('the handler has paused again', () => requests.length >= 20);
    await until('the client is held back again', held);
    expect(requests.length).toBe(20);
    expect(written).toBeLessThan(sent.length);
    open?.resume();
    expect((await stream.status).code).toBe(status.OK);
    expect(requests).toEqual(sent);
  });

  test('says when a client takes no more, and when it takes more again', async () => {
    const total = 300;
    let written = 0;
    let waits = 0;
    await using server = await textServer(kind, {
      stream: (call) => {
        const go = () => {
          while (written < total) if (!call.write(`${written++}`.padEnd(50_000))) return waits++;
          return call.end({
            code: code.ABORTED,
            message: 'all',
            trailers: [['x-sum', `${total}`]],
          });
        };
        call.onRoom = go;
        go();
      },
    });
    const stream = server.open();
    stream.call.pause();
    await until('the server waits', () => waits > 0);
    expect(written).toBeLessThan(total);
    stream.call.resume();
    const ended = await stream.status;
    expect(ended).toMatchObject({ code: status.ABORTED, details: 'all' });
    expect(ended.metadata.get('x-sum')).toEqual([`${total}`]);
    expect(stream.received.map(Number)).toEqual(Array.from({ length: total }, (_, n) => n));
  });

  test('lets open calls end while it drains, and closes the connection', async () => {
    const calls: Stream[] = [];
    let cancelled = 0;
    await using server = await textServer(kind, {
      stream: (call) => {
        calls.push(call);
        call.sendMetadata([]);
        call.onCancel = () => cancelled++;
      },
    });
    const [first, second] = [server.open(), server.open()];
    await until('both calls are open', () => calls.length === 2);
    server.connections[0]?.drain(500);
    calls[0]?.end();
    expect((await first.status).code).toBe(status.OK);
    expect((await second.status).code).not.toBe(status.OK);
    await until('the handler is told', () => cancelled === 1);
  });
});
