import { once } from 'node:events';
import { connect, createServer, type NetConnectOpts, type Server, type Socket } from 'node:net';

/** Passes bytes on, and cuts every connection when told to: as when a peer's process is killed. */
class Cuttable {
  readonly server: Server;
  readonly #sockets = new Set<Socket>();
  /** What the target sends goes from the key to the value. */
  readonly #answers = new Map<Socket, Socket>();

  constructor(target: NetConnectOpts) {
    this.server = createServer((near) => {
      const far = connect(target);
      this.#answers.set(far, near);
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

  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
    this.#sockets.clear();
    this.#answers.clear();
  }

  hold(): void {
    for (const [from, to] of this.#answers) from.unpipe(to);
  }

  release(): void {
    for (const [from, to] of this.#answers) from.pipe(to);
  }

  /** What is open now stays open, and passes nothing on: as when the network drops every packet. */
  freeze(): void {
    for (const socket of this.#sockets) socket.unpipe().pause();
  }

  close(): void {
    this.cut();
    this.server.close();
  }
}

/** Stands between a host and the component's socket. */
export class Relay {
  readonly socket: string;
  readonly #inner: Cuttable;

  private constructor(target: string) {
    this.socket = `${target}.relay`;
    this.#inner = new Cuttable({ path: target });
  }

  static async start(target: string): Promise<Relay> {
    const relay = new Relay(target);
    await once(relay.#inner.server.listen(relay.socket), 'listening');
    return relay;
  }

  cut(): void {
    this.#inner.cut();
  }

  [Symbol.dispose](): void {
    this.#inner.close();
  }
}

/** Stands between the component and a nats-server. */
export class TcpRelay {
  port = 0;
  readonly #inner: Cuttable;

  private constructor(target: number) {
    this.#inner = new Cuttable({ port: target, host: '127.0.0.1' });
  }

  static async start(target: number): Promise<TcpRelay> {
    const relay = new TcpRelay(target);
    await once(relay.#inner.server.listen(0, '127.0.0.1'), 'listening');
    relay.port = (relay.#inner.server.address() as { port: number }).port;
    return relay;
  }

  cut(): void {
    this.#inner.cut();
  }

  freeze(): void {
    this.#inner.freeze();
  }

  /** Keeps back what the server sends. */
  hold(): void {
    this.#inner.hold();
  }

  /** Passes on what was kept back, and what comes. */
  release(): void {
    this.#inner.release();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#inner.close();
  }
}
