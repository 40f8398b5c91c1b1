import { once } from 'node:events';
import { createServer, type Server } from 'node:net';

/**
 * Ports are handed out from slices, each of which belongs to one process for as long as it lives: a
 * port that was free a moment ago, or whose server is about to be started again, would else be taken
 * by another test. Below what systems give to outgoing connections, which could take them too.
 */
const slices = { first: 20_000, count: 120, size: 100 } as const;

let slice: Promise<Slice> | undefined;

/** A TCP port on loopback that is free now, and that no other process here is given. */
export async function freePort(): Promise<number> {
  slice ??= claimSlice();
  const own = await slice;
  // The first one holds the slice.
  for (let attempt = 1; attempt < slices.size; attempt++) {
    own.last = (own.last % (slices.size - 1)) + 1;
    const port = own.first + own.last;
    const server = await listen(port);
    if (!server) continue;
    server.close();
    await once(server, 'close');
    return port;
  }
  throw new Error(`no free port from ${own.first} to ${own.first + slices.size - 1}`);
}

interface Slice {
  first: number;
  /** The port handed out last, counted from the first. */
  last: number;
}

/** The slice is held by listening on its first port: the system frees it with the process. */
async function claimSlice(): Promise<Slice> {
  const start = Math.floor(Math.random() * slices.count);
  for (let index = 0; index < slices.count; index++) {
    const first = slices.first + ((start + index) % slices.count) * slices.size;
    const holder = await listen(first);
    if (!holder) continue;
    holder.unref();
    return { first, last: 0 };
  }
  throw new Error(`each of the ${slices.count} slices of ports is in use`);
}

/** Undefined where the port is taken. */
async function listen(port: number): Promise<Server | undefined> {
  const server = createServer().listen(port, '127.0.0.1');
  return once(server, 'listening').then(
    () => server,
    () => undefined,
  );
}
