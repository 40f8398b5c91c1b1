import type { Child } from '../test/support/child.ts';
import { component, Daprd } from '../test/support/daprd.ts';
import { temporaryFolder } from '../test/support/temp.ts';
import type { Peer } from './peers.ts';
import { cpuSeconds, type MachineTicks, machineTicks } from './process-usage.ts';

export interface StandOptions {
  peer: Peer;
  /** Metadata of its Component. */
  metadata: Record<string, string>;
  /** Port of the app that daprd serves. */
  appPort?: number;
  /** Whether there is a daprd; without one the peer is reached at its socket. */
  daprd: boolean;
}

/** CPU time used so far. Unit: seconds. */
export interface Usage {
  component: number;
  daprd: number;
  machine: MachineTicks;
}

/** One peer, and a daprd in front of it: the same daprd for every peer. */
export class Stand {
  readonly #component: (Child & { socket: string }) | undefined;
  readonly #daprd: Daprd | undefined;
  readonly #stack: AsyncDisposableStack;

  private constructor(
    component: (Child & { socket: string }) | undefined,
    daprd: Daprd | undefined,
    stack: AsyncDisposableStack,
  ) {
    this.#component = component;
    this.#daprd = daprd;
    this.#stack = stack;
  }

  static async start({ peer, metadata, appPort, daprd: wanted }: StandOptions): Promise<Stand> {
    await using stack = new AsyncDisposableStack();
    const folder = stack.use(await temporaryFolder());
    const started = await peer.start?.(folder.path);
    if (started) stack.use(started);
    const daprd = wanted
      ? stack.use(
          await Daprd.start({
            appId: 'bench',
            sockets: folder.path,
            resources: [component('pubsub', metadata, peer.type)],
            ...(appPort ? { app: { port: appPort, protocol: 'grpc' } } : {}),
            binary: 'daprd-allcomponents',
          }),
        )
      : undefined;
    return new Stand(started, daprd, stack.move());
  }

  /** Where the load generator finds it. */
  get address(): string {
    const address = this.#daprd ? `127.0.0.1:${this.#daprd.grpcPort}` : this.#component?.socket;
    if (address === undefined) throw new Error('a peer inside daprd needs a daprd');
    return address;
  }

  /** Process id of the peer, where it has a process of its own. */
  get pid(): number | undefined {
    return this.#component?.pid;
  }

  async usage(): Promise<Usage> {
    return {
      component: this.#component ? await cpuSeconds(this.#component.pid) : 0,
      daprd: this.#daprd ? await cpuSeconds(this.#daprd.child.pid) : 0,
      machine: await machineTicks(),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync();
  }
}
