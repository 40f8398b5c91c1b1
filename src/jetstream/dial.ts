import { AsyncLocalStorage } from 'node:async_hooks';
import { subscribe } from 'node:diagnostics_channel';
import type { Socket } from 'node:net';
import {
  AuthorizationError,
  type ConnectionOptions,
  connect,
  type NatsConnection,
  UserAuthenticationExpiredError,
} from '@nats-io/transport-node';
import { ComponentError, messageOf } from '../errors.ts';

/** daprd waits 5 s for Init; the answer must be on its way before. Unit: milliseconds. */
const openLimit = 4_500;

/** One dial of one server. Unit: milliseconds. */
const dialLimit = 2_000;

/** The sockets of one attempt to connect, until it has come through. */
interface Attempt {
  sockets: Set<Socket>;
  state: 'dialling' | 'connected' | 'given up';
}

/**
 * A peer that takes the connection and does not speak NATS, or a network that swallows it, leaves the
 * client with a socket that it neither closes nor hands out. Node tells of each socket as it is made,
 * and whose it is.
 */
const attempts = new AsyncLocalStorage<Attempt>();
subscribe('net.client.socket', (message) => {
  const attempt = attempts.getStore();
  if (!attempt || attempt.state === 'connected') return;
  const { socket } = message as { socket: Socket };
  attempt.sockets.add(socket);
  // Not before it is told where to connect to, which would bring it to life again.
  if (attempt.state === 'given up') queueMicrotask(() => socket.destroy());
});

/**
 * Connects to the first of the servers that answers, within 4.5 s. Where none does nothing stays open.
 *
 * @throws ComponentError `unauthenticated` when the server refuses the credentials, `unavailable`
 *   when no server answers
 */
export async function dial(servers: string[], options: ConnectionOptions): Promise<NatsConnection> {
  const where = [...new Set(servers)].join(', ');
  const attempt: Attempt = { sockets: new Set(), state: 'dialling' };
  const connecting = attempts.run(attempt, () =>
    connect({ ...options, servers, timeout: dialLimit }),
  );
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, fail) => {
    timer = setTimeout(() => {
      fail(
        new ComponentError('unavailable', `natsURL: no answer from NATS at ${where} within 4.5 s`),
      );
    }, openLimit);
  });
  try {
    const connection = await Promise.race([connecting, late]);
    attempt.state = 'connected';
    return connection;
  } catch (error) {
    attempt.state = 'given up';
    for (const socket of attempt.sockets) socket.destroy();
    // Should it come through after all, nobody is left to use it.
    connecting.then(
      (connection) => connection.close(),
      () => undefined,
    );
    throw toComponentError(error, where);
  } finally {
    attempt.sockets.clear();
    clearTimeout(timer);
  }
}

function toComponentError(cause: unknown, where: string): ComponentError {
  if (cause instanceof ComponentError) return cause;
  if (cause instanceof AuthorizationError || cause instanceof UserAuthenticationExpiredError) {
    const text = `natsURL: NATS at ${where} refused the credentials`;
    return new ComponentError('unauthenticated', text, { cause });
  }
  const said = messageOf(cause);
  // Of a peer that closes at once the client has nothing to tell.
  const why = /undefined error/.test(said)
    ? 'the connection is closed as soon as it is made'
    : said;
  const text = `natsURL: cannot reach NATS at ${where}: ${why}`;
  return new ComponentError('unavailable', text, { cause });
}
