import { CommunicationProtocolEnum, DaprClient, LogLevel } from '@dapr/dapr';
import { quiet } from '../test/support/app.ts';

export interface Order {
  orderId: number;
  item: string;
}

const items = ['tea', 'lamp', 'bicycle', 'piano', 'kite', 'notebook'];

/** The checkout: an app that hands its orders to its own daprd over HTTP. */
export class Publisher {
  readonly #dapr: DaprClient;

  constructor(daprPort: number) {
    this.#dapr = new DaprClient({
      daprHost: '127.0.0.1',
      daprPort: `${daprPort}`,
      communicationProtocol: CommunicationProtocolEnum.HTTP,
      logger: { level: LogLevel.Error, service: quiet },
    });
  }

  /** Resolves when daprd has said that the order is stored. @throws Error when it is not */
  async publish(orderId: number): Promise<Order> {
    const order: Order = { orderId, item: items[orderId % items.length] as string };
    const { error } = await this.#dapr.pubsub.publish('pubsub', 'orders', order);
    if (error) throw error;
    return order;
  }

  async stop(): Promise<void> {
    await this.#dapr.stop();
  }
}
