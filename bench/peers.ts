import { join } from 'node:path';
import { Child } from '../test/support/child.ts';
import { nodeEnvironment, nodeFlags, startComponent } from '../test/support/component.ts';

/** What is measured beside each other. */
export const peers = ['ours', 'go', 'built-in', 'bare', 'ours-grpc-js'] as const;
export type PeerName = (typeof peers)[number];

/** The peers of the report. The others are measured only when an option names them. */
export const reportedPeers = peers.filter((name) => name !== 'ours-grpc-js');

/** The peers with a process of their own: these can be measured at their socket and apart from daprd. */
export const separatePeers = reportedPeers.filter((name) => name !== 'built-in');

/** Short names, for the heads of columns. */
export const heads: Readonly<Record<PeerName, string>> = {
  ours: 'this component',
  go: 'Go',
  'built-in': 'built-in',
  bare: 'bare',
  'ours-grpc-js': 'this component on grpc-js',
};

export const titles: Readonly<Record<PeerName, string>> = {
  ours: 'this component',
  go: 'the built-in component as a pluggable component in Go',
  'built-in': '`pubsub.jetstream`, which is part of daprd',
  bare: 'a component that answers at once and stores nothing: the limit of the hop',
  'ours-grpc-js': 'this component with `--grpc-server grpc-js`',
};

export type PeerProcess = Child & { socket: string };

export interface Peer {
  /** Type of its Component resource. */
  type: string;
  /** Whether it stores published messages. */
  stores: boolean;
  /** Starts its process with a socket in the folder. Undefined for a part of daprd. */
  start?: (folder: string, env?: NodeJS.ProcessEnv) => Promise<PeerProcess>;
  /** Whether its process uses Node's compile cache. */
  compileCache?: boolean;
}

/** Returns the path at which daprd expects the socket of a peer with a process of its own. */
export function socketOf({ type }: Peer, folder: string): string {
  return join(folder, `${type.replace(/^pubsub\./, '')}.sock`);
}

/**
 * @param goPeer path of the binary built from go/peer
 * @param program path of this component's compiled main.js, which is what the image and the npm package run
 */
export function describePeers(goPeer: string, program: string): Record<PeerName, Peer> {
  const component = (args: string[]): Peer => ({
    type: 'pubsub.nats-jetstream',
    stores: true,
    start: (folder, env) => startComponent({ folder, program, args, ...(env ? { env } : {}) }),
    compileCache: true,
  });
  return {
    ours: component([]),
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
    'ours-grpc-js': component(['--grpc-server', 'grpc-js']),
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
    env: nodeEnvironment,
    ready: /^ready$/,
  });
  return Object.assign(child, { socket });
}
