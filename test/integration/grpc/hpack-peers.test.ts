import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { connect, sensitiveHeaders } from 'node:http2';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type HeaderField, HpackError } from '../../../src/grpc/http2/hpack-decoder.ts';
import { decodeHuffman } from '../../../src/grpc/http2/huffman.ts';
import { newDecoder } from '../../support/hpack-decoder.ts';

const decode = (decoder: ReturnType<typeof newDecoder>, block: Buffer) =>
  decoder.decode(block, 0, block.length);

describe('golang.org/x/net/http2/hpack', () => {
  interface Block {
    bytes: string;
    fields: [string, string][];
  }

  interface Verdict extends Block {
    before: Block[];
    error: string;
  }

  interface Judgement {
    octets: string[];
    connections: Block[][];
    verdicts: Verdict[];
  }

  const fromBase64 = (text: string) => Buffer.from(text, 'base64');

  const fieldsOf = ({ fields }: Block): HeaderField[] =>
    fields.map(([name, value]) => [
      fromBase64(name).toString('latin1'),
      fromBase64(value).toString('latin1'),
    ]);

  /**
   * Whether the block is of a kind that Go decides differently. Go accepts integers of up to 63 bits. It accepts a
   * table size update anywhere while the table is empty, and rejects the second one of a block while it is not.
   */
  const decidesDifferently = ({ error }: Verdict, message: string) =>
    error === ''
      ? message.includes('continuation bytes') || message.includes('must come first')
      : message === '' && error.includes('MUST occur at the beginning');

  /** Most of it is for compiling. Unit: milliseconds. */
  const limit = 5 * 60_000;

  async function ask(seed: number): Promise<Judgement> {
    const options = {
      cwd: join(import.meta.dirname, '../../judges/hpack'),
      env: { ...process.env, GOWORK: 'off' },
      maxBuffer: 2 ** 28,
      timeout: limit,
    };
    const run = promisify(execFile)('go', ['run', '-trimpath', '.', `-seed=${seed}`], options);
    const { stdout } = await run.catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error;
      throw new Error('the HPACK judge is a Go program: install Go 1.26 or later from go.dev');
    });
    return JSON.parse(stdout);
  }

  test('writes what is decoded to the same fields, and rejects the same damaged blocks', {
    timeout: limit + 10_000,
  }, async () => {
    const seed = Math.floor(Math.random() * 2 ** 32);
    const { octets, connections, verdicts } = await ask(seed);
    const hint = `seed ${seed}`;

    expect(octets).toHaveLength(256);
    for (const [octet, code] of octets.map(fromBase64).entries()) {
      expect(decodeHuffman(code, 0, code.length)).toBe(String.fromCharCode(octet));
    }

    expect(connections).toHaveLength(40);
    for (const blocks of connections) {
      const decoder = newDecoder();
      for (const block of blocks) {
        expect(decode(decoder, fromBase64(block.bytes)), hint).toEqual(fieldsOf(block));
      }
    }

    const counts = { accepted: 0, rejected: 0, differently: 0 };
    for (const verdict of verdicts) {
      const decoder = newDecoder();
      for (const block of verdict.before) decode(decoder, fromBase64(block.bytes));
      let fields: ReturnType<typeof decode> | undefined;
      let message = '';
      try {
        fields = decode(decoder, fromBase64(verdict.bytes));
        counts.accepted++;
      } catch (error) {
        expect(error, hint).toBeInstanceOf(HpackError);
        message = String(error);
        counts.rejected++;
      }
      if (decidesDifferently(verdict, message)) counts.differently++;
      else {
        expect(fields, `${hint}: ${message} ${JSON.stringify(verdict)}`).toEqual(
          verdict.error === '' ? fieldsOf(verdict) : undefined,
        );
      }
    }
    expect(counts.accepted).toBeGreaterThan(100);
    expect(counts.rejected).toBeGreaterThan(100);
    expect(counts.differently).toBeLessThan(100);
  });
});

describe('node:http2', () => {
  const frameHeader = 9;
  const preface = 24;
  const headers = 0x1;
  const settings = 0x4;
  const continuation = 0x9;
  const settingHeaderTableSize = 0x1;

  function frame(type: number, flags: number, stream: number, payload: Buffer): Buffer {
    const head = Buffer.alloc(frameHeader);
    head.writeUIntBE(payload.length, 0, 3);
    head[3] = type;
    head[4] = flags;
    head.writeUInt32BE(stream, 5);
    return Buffer.concat([head, payload]);
  }

  /** A server that answers each request at once and keeps its header block. */
  class Recorder {
    readonly blocks: Buffer[] = [];
    #unread: Buffer = Buffer.alloc(0);
    #prefaceRead = false;
    #fragments: Buffer[] = [];
    readonly #socket: Socket;

    constructor(socket: Socket) {
      this.#socket = socket;
      socket.write(frame(settings, 0, 0, Buffer.alloc(0)));
      socket.on('data', (bytes: Buffer) => this.#read(bytes));
    }

    /** Sends SETTINGS with a table size that holds from the next request on. */
    limitTable(size: number): void {
      const payload = Buffer.alloc(6);
      payload.writeUInt16BE(settingHeaderTableSize, 0);
      payload.writeUInt32BE(size, 2);
      this.#socket.write(frame(settings, 0, 0, payload));
    }

    #read(bytes: Buffer): void {
      this.#unread = Buffer.concat([this.#unread, bytes]);
      if (!this.#prefaceRead && this.#unread.length >= preface) {
        this.#prefaceRead = true;
        this.#unread = this.#unread.subarray(preface);
      }
      while (this.#prefaceRead && this.#unread.length >= frameHeader) {
        const end = frameHeader + this.#unread.readUIntBE(0, 3);
        if (this.#unread.length < end) return;
        this.#frame(this.#unread.subarray(0, end));
        this.#unread = this.#unread.subarray(end);
      }
    }

    #frame(bytes: Buffer): void {
      const type = bytes.readUInt8(3);
      const flags = bytes.readUInt8(4);
      if (type === settings && flags === 0) {
        this.#socket.write(frame(settings, 0x1, 0, Buffer.alloc(0)));
      }
      if (type !== headers && type !== continuation) return;
      const padded = type === headers && (flags & 0x8) !== 0;
      const priority = type === headers && (flags & 0x20) !== 0;
      const start = frameHeader + (padded ? 1 : 0) + (priority ? 5 : 0);
      const end = bytes.length - (padded ? bytes.readUInt8(frameHeader) : 0);
      this.#fragments.push(bytes.subarray(start, end));
      if ((flags & 0x4) === 0) return;
      this.blocks.push(Buffer.concat(this.#fragments));
      this.#fragments = [];
      // `:status: 200` of the static table, with END_HEADERS and END_STREAM.
      this.#socket.write(frame(headers, 0x5, bytes.readUInt32BE(5), Buffer.of(0x88)));
    }
  }

  const name = fc.oneof(
    fc.constantFrom('grpc-timeout', 'x-component-instance', 'accept', 'cookie', 'x-secret'),
    fc.stringMatching(/^x-[a-z0-9_.!#$%&'*+^`|~-]{1,30}$/),
  );
  const visible = fc.integer({ min: 0x21, max: 0x7e });
  const value = fc.oneof(
    fc.constantFrom('', '4999m', 'orders', 'v'.repeat(3_000)),
    fc
      .array(fc.oneof(visible, fc.integer({ min: 0xa1, max: 0xff })), { maxLength: 100 })
      .map((octets) => Buffer.from(octets).toString('latin1')),
  );
  const request = fc.record({
    tableSizes: fc.oneof(
      { weight: 4, arbitrary: fc.constant<number[]>([]) },
      fc.array(fc.nat(4_096), { maxLength: 3 }),
    ),
    path: fc.constantFrom('/', '/index.html', '/dapr.proto.components.v1.PubSub/Publish'),
    fields: fc.uniqueArray(fc.tuple(name, value), { maxLength: 20, selector: ([of]) => of }),
  });

  test('writes what is decoded to the same fields, also when the table size changes', async () => {
    let recorder: Recorder | undefined;
    const server = createServer((socket) => {
      recorder = new Recorder(socket);
    });
    await using stack = new AsyncDisposableStack();
    stack.defer(() => void server.close());
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('the server has no port');
    const authority = `127.0.0.1:${address.port}`;

    await fc.assert(
      fc.asyncProperty(fc.array(request, { minLength: 1, maxLength: 20 }), async (requests) => {
        const session = connect(`http://${authority}`);
        const decoder = newDecoder();
        try {
          await once(session, 'remoteSettings');
          if (recorder === undefined) throw new Error('the server has no connection');
          for (const [at, { tableSizes, path, fields }] of requests.entries()) {
            for (const size of tableSizes) {
              recorder.limitTable(size);
              await once(session, 'remoteSettings');
            }
            const stream = session.request({
              ...{ ':path': path, ':method': 'POST', ...Object.fromEntries(fields) },
              [sensitiveHeaders]: ['x-secret'],
            });
            stream.resume();
            await once(stream, 'response');
            const block = recorder.blocks[at];
            if (block === undefined) throw new Error('the request has no header block');
            const sorted = (list: readonly HeaderField[]) => [...list].sort();
            const decoded = decode(decoder, block);
            expect(decoded === 'too-large' ? decoded : sorted(decoded)).toEqual(
              sorted([
                [':authority', authority],
                [':method', 'POST'],
                [':path', path],
                [':scheme', 'http'],
                ...fields,
              ]),
            );
          }
        } finally {
          session.destroy();
        }
      }),
      { numRuns: 50 },
    );
  });
});
