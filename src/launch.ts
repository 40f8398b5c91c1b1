#!/usr/bin/env node
/**
 * The command that npm installs: main.js on the Node that runs this, with the flags that `npm start`
 * has (docs/decisions/0007-node-flags.md). They count only on a command line, and the first line of a
 * script cannot carry them everywhere, so this process becomes that command line: it keeps its process
 * id, its streams and its environment, and there is no second one beside it. glibc reads its variable
 * only when a process starts.
 *
 * Not where it would be in vain: a subcommand such as healthcheck has ended before its memory grows,
 * and on a Node of another major version V8 may refuse to start with them. One that is older than what the
 * program needs hears so, since npm installs the command there with no more than a warning.
 */
import { fileURLToPath } from 'node:url';

const oldest = 24;
if (Number.parseInt(process.versions.node, 10) < oldest) {
  const needs = `needs Node ${oldest} or later; this is ${process.version} (${process.execPath})`;
  process.stderr.write(`dapr-nats-jetstream: ${needs}\n`);
  process.exit(1);
}

const flags = ['--max-semi-space-size=4', '--heap-growing-percent=70', '--disable-sigusr1'];

/** One arena of memory for all threads of Node, instead of one for each. */
const arenas = { MALLOC_ARENA_MAX: '1' };

const main = new URL(import.meta.url.replace(/launch(\.[jt]s)$/, 'main$1'));
const args = process.argv.slice(2);

const given = [...process.execArgv, process.env.NODE_OPTIONS ?? ''].join(' ');
// Whoever sets one of them knows better.
const missing = flags.filter((flag) => !given.includes(flag.split('=')[0] as string));

const serves = args.every((arg) => arg !== '--help' && arg !== '--version') && !isSubcommand(args);
const known = process.versions.node.startsWith('24.');
// A process of Windows cannot become another one.
if (serves && known && missing.length > 0 && process.execve && process.platform !== 'win32') {
  const node = [process.execPath, ...process.execArgv, ...missing];
  const environment = { ...arenas, ...process.env };
  process.execve(process.execPath, [...node, fileURLToPath(main), ...args], environment);
}
await import(main.href);

function isSubcommand([first = '']: string[]): boolean {
  return /^\w/.test(first);
}
