import { createServer, type RequestListener } from 'node:http';
import { CommunicationProtocolEnum, DaprPubSubStatusEnum, DaprServer, LogLevel } from '@dapr/dapr';
import { freePort } from './ports.ts';
import { until } from './wait.ts';

export interface AppOptions {
  protocol: 'http' | 'grpc';
  pubsub: string;
  topics: string[];
  /** Where Dapr puts a message whose handler failed. */
  deadLetterTopic?: string;
  /** What to do with a message; a throw is a failed handler. */
  handle?: (data: unknown, topic: string) => Promise<void> | void;
  /** What it answers to daprd's health checks at /healthz; over HTTP only. */
  healthy?: () => boolean;
}

/** A real app on the Dapr SDK, which collects what it gets. */
export class App {
  readonly port: number;
  readonly protocol: 'http' | 'grpc';
  readonly received: { topic: string; data: unknown }[] = [];
  readonly #server: DaprServer;

  private constructor(port: number, protocol: 'http' | 'grpc', server: DaprServer) {
    this.port = port;
    this.protocol = protocol;
    this.#server = server;
  }

  static async start({
    protocol,
    pubsub,
    topics,
    deadLetterTopic,
    handle,
    healthy = () => true,
  }: AppOptions): Promise<App> {
    const port = await freePort();
    const server = new DaprServer({
      serverHost: '127.0.0.1',
      serverPort: `${port}`,
      communicationProtocol:
        protocol === 'http' ? CommunicationProtocolEnum.HTTP : CommunicationProtocolEnum.GRPC,
      // Never used: this app only listens.
      clientOptions: {
        daprHost: '127.0.0.1',
        daprPort: '1',
        logger: { level: LogLevel.Error, service: quiet },
      },
      logger: { level: LogLevel.Error, service: quiet },
    });
    if (protocol === 'http') {
      listenOnLoopback(server);
      answerHealthChecks(server, healthy);
    }
    const app = new App(port, protocol, server);
    for (const topic of topics) {
      const callback = async (data: unknown) => {
        try {
          await handle?.(data, topic);
        } catch {
          // The SDK takes a handler that throws for one that succeeded.
          return DaprPubSubStatusEnum.RETRY;
        }
        app.received.push({ topic, data });
        return DaprPubSubStatusEnum.SUCCESS;
      };
      await server.pubsub.subscribeWithOptions(pubsub, topic, {
        callback,
        ...(deadLetterTopic && deadLetterTopic !== topic ? { deadLetterTopic } : {}),
      });
    }
    // Not server.start(): that waits for a sidecar, and daprd here waits for the app.
    await server.daprServer.start('127.0.0.1', `${port}`);
    return app;
  }

  async count(wanted: number, limit?: number): Promise<void> {
    await until(`${wanted} messages in the app`, () => this.received.length >= wanted, limit);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.stop();
  }
}

/** The SDK's HTTP server listens on every address of the machine unless its express app is told. */
export function listenOnLoopback(server: DaprServer): void {
  const express = server.daprServer.getServer() as RequestListener & {
    listen: (port: number) => unknown;
  };
  express.listen = (port) => createServer(express).listen(port, '127.0.0.1');
}

function answerHealthChecks(server: DaprServer, healthy: () => boolean): void {
  const express = server.daprServer.getServer() as {
    get: (path: string, handle: RequestListener) => void;
  };
  express.get('/healthz', (_, response) => {
    response.statusCode = healthy() ? 200 : 500;
    response.end();
  });
}

const nothing = () => undefined;

/** For the SDK, which otherwise writes to the console. */
export const quiet = {
  error: nothing,
  warn: nothing,
  info: nothing,
  verbose: nothing,
  debug: nothing,
};
