import { join } from 'node:path';
import { Child } from '../test/support/child.ts';
import { nodeFlags, startComponent } from '../test/support/component.ts';

/** What is measured, side by side. */
export const peers = ['ours', 'go', 'built-in', 'bare'] as const;
export type PeerName = (typeof peers)[number];

export const titles: Readonly<Record<PeerName, string>> = {
  ours: 'this component',
  go: 'the built-in as a pluggable component, in Go',
  'built-in': 'pubsub.jetstream, built into daprd',
  bare: 'a component on grpc-js that does nothing: the limit of the hop',
};

export interface Peer {
  /** Of its Component resource. */
  type: string;
  /** Whether it stores what is published. */
  stores: boolean;
  /** Starts its process on a socket in the folder; undefined for what is part of daprd. */
  start?: (folder: string) => Promise<Child & { socket: string }>;
}

/** Where a peer with a process of its own listens: daprd finds it by this rule. */
export function socketOf({ type }: Peer, folder: string): string {
  return join(folder, `${type.replace(/^pubsub\./, '')}.sock`);
}

/** @param goPeer path of the binary made from go/peer */
export function describePeers(goPeer: string): Record<PeerName, Peer> {
  return {
    ours: {
      type: 'pubsub.nats-jetstream',
      stores: true,
      start: (folder) => startComponent({ folder }),
    },
    go: {
      type: 'pubsub.go-jetstream',
      stores: true,
      start: (folder) => startGo(goPeer, folder),
    },
    'built-in': { type: 'pubsub.jetstream', stores: true },
    bare: {
      type: 'pubsub.bare',
      stores: false,
      start: startBare,
    },
  };
}

async function startGo(command: string, folder: string) {
  const child = await Child.start({
    name: 'the Go peer',
    command,
    args: [],
    env: { DAPR_COMPONENTS_SOCKETS_FOLDER: folder },
    ready: /serving|ready|using socket/i,
  });
  return Object.assign(child, { socket: `${folder}/go-jetstream.sock` });
}

async function startBare(folder: string) {
  const socket = `${folder}/bare.sock`;
  const child = await Child.start({
    name: 'the bare peer',
    command: process.execPath,
    args: [...nodeFlags, join(import.meta.dirname, 'bare/main.ts'), socket],
    ready: /^ready$/,
  });
  return Object.assign(child, { socket });
}
