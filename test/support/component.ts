import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Child } from './child.ts';

const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url));

/** What `npm start` gives to Node. */
const { scripts } = JSON.parse(
  readFileSync(new URL('../../package.json', import.meta.url), 'utf8'),
);
export const nodeFlags: string[] = (scripts.start as string).match(/--\S+/g) ?? [];

/** What `npm start` adds to the environment. */
export const nodeEnvironment: NodeJS.ProcessEnv = {
  MALLOC_ARENA_MAX: '1',
  NODE_COMPILE_CACHE: join(
    process.env.XDG_CACHE_HOME || join(homedir(), '.cache'),
    'dapr-nats-jetstream/node',
  ),
};

export interface ComponentOptions {
  /** Not to be reached by a Ctrl-C at the terminal. */
  detached?: boolean;
  /** The sockets folder. */
  folder: string;
  socketName?: string;
  args?: string[];
  /** Path of the program; src/main.ts unless given. */
  program?: string;
  env?: NodeJS.ProcessEnv;
  /** Matches the line that is waited for, where it is not the one that says that it is ready. */
  ready?: RegExp;
  onLine?: (line: string) => void;
}

/** The component server as its users start it: a process of its own, ready when this resolves. */
export async function startComponent(
  options: ComponentOptions,
): Promise<Child & { socket: string }> {
  const {
    folder,
    socketName = 'nats-jetstream',
    args = [],
    program = main,
    env,
    detached,
    ready,
    onLine,
  } = options;
  const child = await Child.start({
    name: 'dapr-nats-jetstream',
    command: process.execPath,
    args: [
      // A test's own NODE_OPTIONS would lose against them.
      ...(env?.NODE_OPTIONS ? [] : nodeFlags),
      program,
      '--socket-folder',
      folder,
      '--socket-name',
      socketName,
      ...args,
    ],
    env: { ...nodeEnvironment, ...env },
    detached,
    ready: ready ?? /"msg":"ready/,
    onLine,
  });
  return Object.assign(child, { socket: `${folder}/${socketName}.sock` });
}
