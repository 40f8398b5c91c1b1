import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

/** Stands between a host and the component's socket, so that a test can cut the connection. */
export class Relay {
  readonly #sockets = new Set<Socket>();
  readonly #server;
  readonly socket: string;

  private constructor(target: string, socket: string) {
    this.socket = socket;
    this.#server = createServer((near) => {
      const far = connect(target);
      for (const [from, to] of [
        [near, far],
        [far, near],
      ] as const) {
        this.#sockets.add(from);
        from.on('error', () => to.destroy());
        from.on('close', () => to.destroy());
        from.pipe(to);
      }
    });
  }

  static async start(target: string): Promise<Relay> {
    const relay = new Relay(target, `${target}.relay`);
    await once(relay.#server.listen(relay.socket), 'listening');
    return relay;
  }

  /** As when the host's process is killed: no goodbye. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
    this.#sockets.clear();
  }

  [Symbol.dispose](): void {
    this.cut();
    this.#server.close();
  }
}
