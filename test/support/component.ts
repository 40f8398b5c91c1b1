import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Child } from './child.ts';

const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url));

/** With which main.ts asks to be run, in its first line. */
const [nodeFlags = ''] = /(?<=^#!.* node ).*/.exec(readFileSync(main, 'utf8')) ?? [];

export interface ComponentOptions {
  /** Not to be reached by a Ctrl-C at the terminal. */
  detached?: boolean;
  /** The sockets folder. */
  folder: string;
  socketName?: string;
  args?: string[];
  env?: NodeJS.ProcessEnv;
  onLine?: (line: string) => void;
}

/** The component server as its users start it: a process of its own, ready when this resolves. */
export async function startComponent(
  options: ComponentOptions,
): Promise<Child & { socket: string }> {
  const { folder, socketName = 'nats-jetstream', args = [], env, detached, onLine } = options;
  const child = await Child.start({
    name: 'dapr-nats-jetstream',
    command: process.execPath,
    args: [
      ...nodeFlags.split(' '),
      main,
      '--socket-folder',
      folder,
      '--socket-name',
      socketName,
      ...args,
    ],
    env,
    detached,
    ready: /"msg":"ready/,
    onLine,
  });
  return Object.assign(child, { socket: `${folder}/${socketName}.sock` });
}
