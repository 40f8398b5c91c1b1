import { component, Daprd, type DaprdBinary } from '../test/support/daprd.ts';
import { temporaryFolder } from '../test/support/temp.ts';
import type { Peer, PeerProcess } from './peers.ts';
import {
  cpuSeconds,
  type IoCalls,
  ioCalls,
  type MachineTicks,
  machineTicks,
} from './process-usage.ts';

/** How a daprd handles the messages of a pluggable component's subscription. */
export type Dispatch = 'concurrent' | 'serial';

/** Both have the built-in component, so that the same daprd serves every peer. */
const binaries: Readonly<Record<Dispatch, DaprdBinary>> = {
  concurrent: 'daprd-concurrent-allcomponents',
  serial: 'daprd-allcomponents',
};

export interface StandOptions {
  peer: Peer;
  /** Metadata of its Component. */
  metadata: Record<string, string>;
  /** Port of the app that daprd serves. */
  appPort?: number;
  /** Absent: no daprd, and the peer is reached at its socket. */
  daprd?: Dispatch;
}

/** Usage since the processes started. */
export interface Usage {
  /** CPU time. Unit: seconds. */
  component: number;
  daprd: number;
  /** Calls of the component's process; undefined where the kernel does not count them. */
  io: IoCalls | undefined;
  machine: MachineTicks;
}

/** One peer, with a daprd in front of it or without. */
export class Stand {
  readonly #component: PeerProcess | undefined;
  readonly #daprd: Daprd | undefined;
  readonly #stack: AsyncDisposableStack;

  private constructor(
    component: PeerProcess | undefined,
    daprd: Daprd | undefined,
    stack: AsyncDisposableStack,
  ) {
    this.#component = component;
    this.#daprd = daprd;
    this.#stack = stack;
  }

  static async start({ peer, metadata, appPort, daprd: dispatch }: StandOptions): Promise<Stand> {
    await using stack = new AsyncDisposableStack();
    const folder = stack.use(await temporaryFolder());
    const started = await peer.start?.(folder.path);
    if (started) stack.use(started);
    const daprd = dispatch
      ? stack.use(
          await Daprd.start({
            appId: 'bench',
            sockets: folder.path,
            resources: [component('pubsub', metadata, peer.type)],
            ...(appPort ? { app: { port: appPort, protocol: 'grpc' } } : {}),
            binary: binaries[dispatch],
          }),
        )
      : undefined;
    return new Stand(started, daprd, stack.move());
  }

  /** Address for the load generator. */
  get address(): string {
    const address = this.#daprd ? `127.0.0.1:${this.#daprd.grpcPort}` : this.#component?.socket;
    if (address === undefined) throw new Error('a peer inside daprd needs a daprd');
    return address;
  }

  /** Process id of the peer; undefined for a part of daprd. */
  get pid(): number | undefined {
    return this.#component?.pid;
  }

  async usage(): Promise<Usage> {
    return {
      component: this.#component ? await cpuSeconds(this.#component.pid) : 0,
      daprd: this.#daprd ? await cpuSeconds(this.#daprd.child.pid) : 0,
      io: this.#component && (await ioCalls(this.#component.pid)),
      machine: await machineTicks(),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync();
  }
}
