import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { temporaryFolder } from './temp.ts';

/** Both ends of a connection over a Unix socket. */
export interface SocketPair extends AsyncDisposable {
  server: Socket;
  client: Socket;
}

export async function socketPair(): Promise<SocketPair> {
  const folder = await temporaryFolder();
  const listener = createServer();
  const path = join(folder.path, 'pair.sock');
  await once(listener.listen(path), 'listening');
  const accepted = once(listener, 'connection') as Promise<[Socket]>;
  const client = connect(path);
  const [server] = await accepted;
  for (const socket of [server, client]) socket.on('error', () => undefined);
  return {
    server,
    client,
    [Symbol.asyncDispose]: async () => {
      server.destroy();
      client.destroy();
      listener.close();
      await folder[Symbol.asyncDispose]();
    },
  };
}
