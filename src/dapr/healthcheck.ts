import { connect as connectHttp2, constants } from 'node:http2';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf } from '../errors.ts';
import { socketPath } from './socket.ts';

/** How long the whole of it may take. Unit: milliseconds. */
const answerLimit = 2_000;

/** What a question gets where less is left. Unit: milliseconds. */
const shortestQuestion = 200;

/** Between two questions. Unit: milliseconds. */
const retryWait = 50;

/** A gRPC message of no bytes: not compressed, length 0. It asks for the service as a whole. */
const emptyMessage = Buffer.alloc(5);

/** Of grpc.health.v1.HealthCheckResponse, by number. */
const statuses = ['UNKNOWN', 'SERVING', 'NOT_SERVING', 'SERVICE_UNKNOWN'];

export interface Health {
  /** Whether there was an answer of the health service at all. */
  answered: boolean;
  serving: boolean;
  /** Whether asking again would be in vain. */
  hopeless: boolean;
  /** One line for a person: what is wrong, and what to do. */
  line: string;
}

/**
 * Asks the component at `<folder>/<name>.sock` for its health, in `limit` milliseconds at most, 2 s unless
 * said otherwise. Never rejects.
 *
 * It runs every few seconds beside the component, as a probe: so the one question is asked in bare
 * HTTP/2, which spares loading gRPC.
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
    // The request fails by its connection.
    const error = (thrown as Error).cause ?? thrown;
    // Nobody makes a folder of what is a file.
    const hopeless = (error as NodeJS.ErrnoException).code === 'ENOTDIR';
    return { ...unanswered, hopeless, line: `no answer: ${path}: ${reason(error)}` };
  }
}

/**
 * Waits until the component answers, whatever it says, for `limit` milliseconds at most and 200 more for a
 * question asked last; not where waiting would be in vain. Never rejects.
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
    // Of an answer without a message it is in the headers.
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

/** Nobody said anything in time. */
class SilenceError extends Error {
  constructor(limit: number) {
    const seconds = Math.round(limit / 100) / 10;
    super(
      `the connection was taken, but nothing said within ${seconds} s: the process hangs. Restart it`,
    );
  }
}

/** The one field of the answer is a number below 128; 0 is left out. */
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
      return 'a part of that path is a file, no folder: correct --socket-folder';
    case 'ECONNREFUSED':
      return 'nobody listens there any more: the component was killed. Start it again';
    case 'EACCES':
      return 'this user may not use the socket: run as the same user, or see --socket-mode';
    default:
      return messageOf(error);
  }
}
