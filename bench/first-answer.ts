import { existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client, credentials, Metadata } from '@grpc/grpc-js';
import { PubSub } from '../test/support/contract.ts';

/** How long a component may take to answer. Unit: milliseconds. */
const answerLimit = 20_000;

/** Between two looks at a socket that is not there, or not served yet. Unit: milliseconds. */
const interval = 1;

/**
 * Asks a component what it serves, until it names the PubSub service: what daprd waits for before it
 * calls it. The look for the socket costs no more than a system call.
 *
 * @returns when it answered, of `performance.now()`
 * @throws Error when it has not answered within 20 s, or the signal's reason
 */
export async function firstAnswer(socket: string, signal: AbortSignal): Promise<number> {
  const deadline = performance.now() + answerLimit;
  let last: unknown;
  for (;;) {
    signal.throwIfAborted();
    if (existsSync(socket)) {
      try {
        if (await servesPubSub(socket)) return performance.now();
      } catch (error) {
        last = error;
      }
    }
    if (performance.now() > deadline)
      throw new Error(`no answer within ${answerLimit / 1000} s at ${socket}`, { cause: last });
    await sleep(interval);
  }
}

const reflection = '/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo';

/** A ServerReflectionRequest, encoded: its field 7, `list_services`, and no text in it. */
const listServices = Buffer.from([(7 << 3) | 2, 0]);

/** @throws Error when nobody answers, or the answer is an error */
export async function servesPubSub(socket: string): Promise<boolean> {
  const client = new Client(`unix:${socket}`, credentials.createInsecure());
  try {
    const unchanged = (bytes: Buffer) => bytes;
    const options = { deadline: Date.now() + answerLimit };
    const call = client.makeBidiStreamRequest(reflection, unchanged, unchanged, options);
    call.write(listServices);
    call.end();
    const answers: Buffer[] = await call.toArray();
    return Buffer.concat(answers).includes('dapr.proto.components.v1.PubSub');
  } finally {
    client.close();
  }
}

/** An initialised Component; disposing of it closes its connection. */
export async function initialise(
  socket: string,
  properties: Record<string, string>,
): Promise<Disposable> {
  const client = new PubSub(`unix:${socket}`, credentials.createInsecure());
  const metadata = new Metadata();
  metadata.set('x-component-instance', 'pubsub');
  const options = { deadline: Date.now() + answerLimit };
  try {
    await new Promise<void>((resolve, reject) => {
      client.Init({ metadata: { properties } }, metadata, options, (error) =>
        error ? reject(error) : resolve(),
      );
    });
  } catch (error) {
    client.close();
    throw error;
  }
  return { [Symbol.dispose]: () => client.close() };
}
