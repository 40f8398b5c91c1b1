import { connect as connectHttp2, constants } from 'node:http2';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf } from '../errors.ts';
import { socketPath } from './socket.ts';

/** How long a health check may take. Unit: milliseconds. */
const answerLimit = 2_000;

/** Shortest time for a single request of `--wait`. Unit: milliseconds. */
const shortestQuestion = 200;

/** Time between two requests of `--wait`. Unit: milliseconds. */
const retryWait = 50;

/** A gRPC message of no bytes: not compressed, length 0. It asks for the service as a whole. */
const emptyMessage = Buffer.alloc(5);

/** The statuses of grpc.health.v1.HealthCheckResponse, by number. */
const statuses = ['UNKNOWN', 'SERVING', 'NOT_SERVING', 'SERVICE_UNKNOWN'];

export interface Health {
  /** Whether the health service answered. */
  answered: boolean;
  serving: boolean;
  /** Whether another attempt cannot succeed. */
  hopeless: boolean;
  /** One line for a person: what is wrong, and what to do. */
  line: string;
}

/**
 * Asks the component at `<folder>/<name>.sock` for its health, within `limit` milliseconds (2 s by default).
 * Never rejects.
 *
 * It runs as a probe every few seconds. So it makes its one request with Node's HTTP/2, and loads no gRPC library.
 */
export async function healthcheck(
  folder: string,
  name: string,
  limit = answerLimit,
): Promise<Health> {
  const { path, tooLong } = socketPath(folder, name);
  const answered = { answered: true, serving: false, hopeless: false };
  const unanswered = { answered: false, serving: false, hopeless: false };
  if (tooLong) {
    const line = `no answer: ${path}: ${tooLong}: choose a shorter --socket-folder or --socket-name`;
    return { ...unanswered, hopeless: true, line };
  }
  try {
    const status = await ask(path, limit);
    if (status === 'SERVING') return { ...answered, serving: true, line: `SERVING: ${path}` };
    const why =
      status === 'NOT_SERVING'
        ? 'a daprd is orphaned: it uses a Component that this process has not initialised, because ' +
          'the component was restarted and daprd was not. Restart daprd (in Kubernetes: the pod), ' +
          'or let --restart-orphaned-sidecar do it'
        : 'something other than dapr-nats-jetstream serves that socket';
    return { ...answered, line: `${status}: ${path}: ${why}` };
  } catch (thrown) {
    // The request fails with the error of its connection as the cause.
    const error = (thrown as Error).cause ?? thrown;
    // A file does not become a folder.
    const hopeless = (error as NodeJS.ErrnoException).code === 'ENOTDIR';
    return { ...unanswered, hopeless, line: `no answer: ${path}: ${reason(error)}` };
  }
}

/**
 * Waits until the component answers, with any status, for at most `limit` milliseconds and 200 more for the last
 * request. Does not wait if another attempt cannot succeed. Never rejects.
 */
export async function untilAnswered(folder: string, name: string, limit: number): Promise<Health> {
  const deadline = performance.now() + limit;
  for (;;) {
    const left = Math.max(deadline - performance.now(), shortestQuestion);
    const health = await healthcheck(folder, name, Math.min(answerLimit, left));
    const over = performance.now() + retryWait >= deadline;
    if (health.answered || health.hopeless || over) return health;
    await sleep(retryWait);
  }
}

/** @throws Error when nobody answers, or what answers has no such service */
function ask(path: string, limit: number): Promise<string> {
  return new Promise((done, fail) => {
    const session = connectHttp2('http://localhost', { createConnection: () => connect(path) });
    const timer = setTimeout(() => finish(() => fail(new SilenceError(limit))), limit);
    const finish = (settle: () => void) => {
      clearTimeout(timer);
      session.destroy();
      settle();
    };
    session.on('error', (error) => finish(() => fail(error)));
    session.on('close', () => finish(() => fail(new Error('the connection was closed'))));
    const request = session.request({
      [constants.HTTP2_HEADER_METHOD]: 'POST',
      [constants.HTTP2_HEADER_PATH]: '/grpc.health.v1.Health/Check',
      [constants.HTTP2_HEADER_CONTENT_TYPE]: 'application/grpc',
      [constants.HTTP2_HEADER_TE]: 'trailers',
    });
    const parts: Buffer[] = [];
    // An answer without a message has the status in its headers.
    let grpcStatus: unknown;
    const note = (headers: Record<string, unknown>) => {
      grpcStatus ??= headers['grpc-status'];
    };
    request.on('response', note);
    request.on('trailers', note);
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('error', (error) => finish(() => fail(error)));
    request.on('end', () => {
      if (grpcStatus === '0') return finish(() => done(statusOf(Buffer.concat(parts))));
      finish(() => fail(new Error(`no health service there (grpc-status ${grpcStatus})`)));
    });
    request.end(emptyMessage);
  });
}

/** No answer arrived in time. */
class SilenceError extends Error {
  constructor(limit: number) {
    const seconds = Math.round(limit / 100) / 10;
    super(
      `the process accepted the connection, but did not answer within ${seconds} s. Restart it`,
    );
  }
}

/** Reads the one field of the answer, a number below 128. The field is absent if it is 0. */
function statusOf(body: Buffer): string {
  const number = body.length > 6 && body[5] === 0x08 ? body[6] : 0;
  return statuses[number ?? 0] ?? `status ${number}`;
}

function reason(error: unknown): string {
  switch ((error as NodeJS.ErrnoException).code) {
    case 'ENOENT':
      return (
        'no such socket: the component is not running, or it was given another --socket-folder or ' +
        '--socket-name'
      );
    case 'ENOTDIR':
      return 'a part of that path is a file, not a folder: correct --socket-folder';
    case 'ECONNREFUSED':
      return 'nobody listens there any more: the component was killed. Start it again';
    case 'EACCES':
      return 'this user may not use the socket: run as the same user, or see --socket-mode';
    default:
      return messageOf(error);
  }
}
