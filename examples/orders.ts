/**
 * An app to try the component with: once a second, or ORDERS_PER_SECOND, it publishes an order to the topic
 * `orders`, and it prints each order it gets from there. `dapr run` tells it the ports. Where daprd is on another host, as in
 * deploy/compose.yaml, DAPR_HOST names it, and APP_HOST the address to listen on.
 */
import { CommunicationProtocolEnum, DaprClient, DaprServer, LogLevel } from '@dapr/dapr';

const appPort = process.env.APP_PORT ?? '3000';
const pause = 1_000 / Number(process.env.ORDERS_PER_SECOND ?? 1);
const logger = { level: LogLevel.Warn };
const clientOptions = {
  daprHost: process.env.DAPR_HOST ?? '127.0.0.1',
  daprPort: process.env.DAPR_GRPC_PORT ?? '50001',
  communicationProtocol: CommunicationProtocolEnum.GRPC,
  logger,
};

const server = new DaprServer({
  serverHost: process.env.APP_HOST ?? '127.0.0.1',
  serverPort: appPort,
  communicationProtocol: CommunicationProtocolEnum.GRPC,
  clientOptions,
  logger,
});
await server.pubsub.subscribe('pubsub', 'orders', async (order: { orderId: number }) => {
  console.log(`received order ${order.orderId}`);
});
await server.start();

const client = new DaprClient(clientOptions);
for (let orderId = 1; ; orderId++) {
  // Over gRPC the SDK rejects with what it resolves to over HTTP.
  const sending = client.pubsub.publish('pubsub', 'orders', { orderId });
  const { error } = await sending.catch((failure: { error?: Error }) => failure);
  console.log(error ? `order ${orderId} was not stored: ${error}` : `sent order ${orderId}`);
  await new Promise((done) => setTimeout(done, pause));
}
