import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { type ErrorName, grpcMessage } from './http2/frames.ts';
import { encodeHeaders } from './http2/hpack.ts';
import { requestHeaders } from './http2/request.ts';
import { type ClientOptions, Http2Client } from './http2-client.ts';
import { Neighbour } from './neighbour.ts';
import { type Pair, startPair } from './pair.ts';

/** Longest time that a call of the well-behaved client may take. Nothing loads the server here. Unit: milliseconds. */
const neighbourLimit = 1_000;

export const pingPath = '/dapr.proto.components.v1.PubSub/Ping';
export const pingBlock = encodeHeaders(requestHeaders(pingPath));
export const emptyMessage = grpcMessage(Buffer.alloc(0));

/** Something that a client must not do, or that it may do although grpc-go does not. */
export interface Case {
  /** Names the frames and the rule, for example `RFC 9113 6.7`. */
  title: string;
  options?: ClientOptions;
  /** Sends the frames. Returns the stream whose outcome counts; undefined if the outcome of the connection counts. */
  send(client: Http2Client): number | undefined | Promise<number | undefined>;
  /** The allowed outcomes. */
  outcome: readonly string[];
}

/** A GOAWAY with this error, after which the server closes the connection. */
export function connectionError(name: ErrorName): string[] {
  return [`GOAWAY ${name}`];
}

/** RST_STREAM; a server may treat any stream error as a connection error (RFC 9113 5.4.2). */
export function streamError(name: ErrorName): string[] {
  return [`RST_STREAM ${name}`, `GOAWAY ${name}`];
}

/** A malformed request: RFC 9113 8.1.1 allows an HTTP answer too. */
export const malformed = [...streamError('PROTOCOL_ERROR'), 'HTTP 400'];

export const served = ['OK'];

export interface Scene {
  readonly pair: Pair;
  readonly neighbour: Neighbour;
  /** Opens a connection that has finished its handshake, or one that has said nothing. */
  open(options?: ClientOptions): Promise<Http2Client>;
  connect(options?: ClientOptions): Promise<Http2Client>;
}

/** Starts a component for the tests of a file. Each test checks that a well-behaved client is served all the while. */
export function useScene(): Scene {
  let pair: Pair;
  let neighbour: Neighbour;
  const stack = new AsyncDisposableStack();
  beforeAll(async () => {
    pair = stack.use(await startPair());
    neighbour = stack.use(await Neighbour.start(pair));
  });
  afterEach(async () => {
    // Waits for a call that began after the test.
    const answered = neighbour.latencies.length + 1;
    await expect.poll(() => neighbour.latencies.length).toBeGreaterThan(answered);
    expect(pair.component.running).toBe(true);
    expect(neighbour.complaints(neighbourLimit)).toEqual([]);
    neighbour.restart();
  });
  afterAll(() => stack.disposeAsync());
  return {
    get pair() {
      return pair;
    },
    get neighbour() {
      return neighbour;
    },
    open: (options) => Http2Client.open(pair.component.socket, options),
    connect: (options) => Http2Client.connect(pair.component.socket, options),
  };
}

/** Tests each case on a connection of its own. Afterwards the connection is closed, or still usable. */
export function testCases(scene: Scene, cases: readonly Case[]): void {
  test.each(cases.map((one) => [one.title, one] as const))('%s', async (_, one) => {
    const { options, send, outcome: allowed } = one;
    using client = await scene.open(options);
    const outcome = await client.outcome(await send(client));
    expect(outcome).toBeOneOf([...allowed]);
    if (/^(GOAWAY|closed)/.test(outcome))
      expect(await client.ends(), 'closes the socket').toBe(true);
    else expect(await client.usable()).toBe('OK');
    expect(client.violations).toEqual([]);
  });
}

/** Returns a case that sends frames. The outcome of the connection counts. */
export function frames(title: string, list: Uint8Array[], outcome: readonly string[]): Case {
  return {
    title,
    outcome,
    send: (client) => {
      client.send(...list);
      return undefined;
    },
  };
}

/** Returns a case that sends frames on an open PullMessages stream. */
export function onStream(
  title: string,
  list: (stream: number, client: Http2Client) => Uint8Array[],
  outcome: readonly string[],
): Case {
  return {
    title,
    outcome,
    send: (client) => {
      const stream = client.begin('PullMessages');
      client.send(...list(stream, client));
      return stream;
    },
  };
}

/** Returns a case that sends all frames of a unary call. */
export function call(
  title: string,
  list: (stream: number, client: Http2Client) => Uint8Array[],
  outcome: readonly string[],
): Case {
  return {
    title,
    outcome,
    send: (client) => {
      const stream = client.nextStream();
      client.send(...list(stream, client));
      return stream;
    },
  };
}
