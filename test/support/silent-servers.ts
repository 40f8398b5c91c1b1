import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';

/** Servers that take a connection and never say a word. */
export class SilentServers implements AsyncDisposable {
  readonly urls: string[] = [];
  readonly #servers: Server[] = [];
  readonly #open = new Set<Socket>();

  static async start(count: number): Promise<SilentServers> {
    const silent = new SilentServers();
    for (let index = 0; index < count; index++) await silent.#start();
    return silent;
  }

  /** Connections that nobody has closed. */
  get open(): number {
    return this.#open.size;
  }

  async #start(): Promise<void> {
    const server = createServer((socket) => {
      this.#open.add(socket);
      socket.resume().on('close', () => this.#open.delete(socket));
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    this.#servers.push(server);
    this.urls.push(`nats://127.0.0.1:${(server.address() as { port: number }).port}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#open) socket.destroy();
    await Promise.all(this.#servers.map((server) => server[Symbol.asyncDispose]()));
  }
}
