import { CommunicationProtocolEnum, DaprServer, LogLevel } from '@dapr/dapr';
import { listenOnLoopback, quiet } from '../test/support/app.ts';
import type { Order } from './publisher.ts';

/**
 * The order processor: an app that gets its messages from its own daprd over HTTP.
 *
 * @returns a function that stops it
 */
export async function startSubscriber(
  port: number,
  onOrder: (order: Order) => void,
): Promise<() => Promise<void>> {
  const server = new DaprServer({
    serverHost: '127.0.0.1',
    serverPort: `${port}`,
    communicationProtocol: CommunicationProtocolEnum.HTTP,
    clientOptions: { logger: { level: LogLevel.Error, service: quiet } },
    logger: { level: LogLevel.Error, service: quiet },
  });
  listenOnLoopback(server);
  await server.pubsub.subscribe('pubsub', 'orders', async (order: Order) => onOrder(order));
  // Not server.start(): that waits for a daprd, which here is started after the app.
  await server.daprServer.start('127.0.0.1', `${port}`);
  return () => server.stop();
}
