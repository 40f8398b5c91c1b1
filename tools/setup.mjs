/**
 * `node tools/setup.mjs [tool...]`: makes a clone ready to use. npm runs it before `demo`, `check`
 * and `test`. It installs the dependencies if node_modules does not match package-lock.json, then
 * has ensure.ts get the named tools. Silent when nothing is missing.
 *
 * Plain JavaScript for any Node from 18 on: the Node that the project itself needs is one of the
 * dependencies that may not be installed yet.
 */
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { acquireLock } from './lock.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const binFolder = join(root, 'node_modules', '.bin');
const installLimitMs = 15 * 60_000;

/** Something the person has to act on; the message says what. */
class SetupError extends Error {}

try {
  const lockfile = readLockfile('package-lock.json');
  if (!lockfile) throw new SetupError(`package-lock.json is missing or broken in ${root}`);
  if (staleness(lockfile)) await installOnce(lockfile);
  const node = checkNode(lockfile);
  const tools = process.argv.slice(2);
  if (tools.length > 0) await end(run(node, [join(root, 'tools', 'ensure.ts'), ...tools]));
} catch (error) {
  if (!(error instanceof SetupError)) throw error;
  console.error(`setup: ${error.message}`);
  process.exitCode = 1;
}

/**
 * Says in what way node_modules falls short of the lockfile; undefined when it does not. Packages
 * that somebody installed on top of it may stay.
 */
function staleness(lockfile) {
  // npm writes this one last, so it tells of a finished install and of nothing else.
  const installed = readLockfile('node_modules/.package-lock.json');
  if (!installed) return 'node_modules is missing or unfinished';
  for (const [path, wanted] of Object.entries(lockfile)) {
    if (path === '') continue;
    const found = installed[path];
    // Optional packages for other platforms are absent by design.
    if (!found && wanted.optional) continue;
    // A lockfile entry may lack its integrity, which npm then fills in as it installs.
    const sameContent = !wanted.integrity || found?.integrity === wanted.integrity;
    if (found?.version !== wanted.version || !sameContent) {
      return `${path} is not what package-lock.json says`;
    }
  }
  return undefined;
}

/** The packages that a lockfile lists, by path; undefined when it cannot be read. */
function readLockfile(path) {
  try {
    return JSON.parse(readFileSync(join(root, path), 'utf8')).packages;
  } catch {
    return undefined;
  }
}

/** Installs under a lock, unless whoever held the lock before has installed already. */
async function installOnce(lockfile) {
  // Outside the checkout, because `npm ci` empties node_modules and git would see it elsewhere.
  const id = createHash('sha256').update(root).digest('hex').slice(0, 16);
  const unlock = await acquireLock(join(tmpdir(), `dapr-nats-jetstream-setup-${id}.lock`), {
    holdMs: installLimitMs + 60_000,
    onWait: () => console.error('setup: waiting for another `npm ci` in this checkout'),
  });
  try {
    const reason = staleness(lockfile);
    if (reason) await install(reason);
  } finally {
    unlock();
  }
}

async function install(reason) {
  console.error(`setup: ${reason}: running \`npm ci\`, which brings a Node of its own`);
  // npm must not run on the very Node that it is about to delete.
  const path = (process.env.PATH ?? '').split(delimiter).filter((folder) => folder !== binFolder);
  const env = { ...process.env, PATH: path.join(delimiter) };
  // Dependencies for development are needed even where NODE_ENV says production.
  const result = await run('npm', ['ci', '--include=dev'], { env, limitMs: installLimitMs });
  if (result.error?.code === 'ENOENT') {
    throw new SetupError('npm is not on PATH: install Node.js with npm (https://nodejs.org)');
  }
  if (result.interruptedBy) await end(result);
  if (result.code === 0) return;
  const outcome = result.error?.message ?? result.signal ?? `exit status ${result.code}`;
  throw new SetupError(
    `\`npm ci\` in ${root} failed (${outcome}); its own messages are above.\n` +
      'If it could not reach the package registry: check the network or proxy (`npm ping`).\n' +
      'If package.json and package-lock.json disagree: `npm install` brings them in line.\n' +
      'Then repeat the command.',
  );
}

/** Path of the Node that runs the project, after making sure that it does run. */
function checkNode(lockfile) {
  const node = join(binFolder, 'node');
  const wanted = `v${lockfile['node_modules/node']?.version}`;
  const result = spawnSync(node, ['--version'], { encoding: 'utf8' });
  const found = result.error ? result.error.code : result.stdout.trim() || result.stderr.trim();
  if (found === wanted) return node;
  const absent = 'is missing, or made for another system';
  const problem = found === 'ENOENT' ? absent : `should be ${wanted} but says: ${found}`;
  throw new SetupError(
    `${node} ${problem}.\n` +
      'The install script of the package `node` puts it there, unless an npm setting stops it\n' +
      '(ignore-scripts, allow-scripts). To run it:\n' +
      '  npm rebuild node --ignore-scripts=false\n' +
      'If it stays away, approve it with `npm approve-scripts node` and run that again.\n' +
      'If node_modules was copied from another machine, run `npm ci` instead.\n' +
      'Then repeat the command.',
  );
}

/** Runs a command on this terminal and passes on the signals that ask to end. Never rejects. */
function run(command, args, { env = process.env, limitMs } = {}) {
  return new Promise((resolve) => {
    let interruptedBy;
    let child;
    const forward = (signal) => {
      interruptedBy = signal;
      child?.kill(signal);
    };
    const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'];
    // Before there is a child: one that comes between would end this process and leave the child.
    for (const signal of signals) process.on(signal, forward);
    child = spawn(command, args, { cwd: root, stdio: 'inherit', env });
    // Not spawn's own `timeout`: that one keeps this process alive if the command cannot be run.
    const limit = limitMs && setTimeout(() => child.kill(), limitMs);
    const finish = (result) => {
      clearTimeout(limit);
      for (const signal of signals) process.off(signal, forward);
      resolve({ ...result, interruptedBy });
    };
    child.once('error', (error) => finish({ error }));
    child.once('exit', (code, signal) => finish({ code, signal }));
  });
}

/** Ends this process the way its child ended. */
async function end(running) {
  const { error, code, signal, interruptedBy } = await running;
  if (error) throw new SetupError(`cannot run a command: ${error.message}`);
  const deadly = signal ?? (code === 0 ? undefined : interruptedBy);
  if (deadly) process.kill(process.pid, deadly);
  process.exitCode = code ?? 1;
}
