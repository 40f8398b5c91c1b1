/**
 * `node tools/docker-engine.ts`: sees to it that a Docker engine answers; silent when one does. Says what to
 * install where none does, with exit status 1.
 *
 * `node tools/docker-engine.ts run COMMAND…`: the same, and then runs the command. In a CI run (CI=true) of
 * root on Debian or Ubuntu it installs Debian's engine where there is none, starts it for as long as the
 * command runs, and ends it again. Exit status: the command's; 75 where no engine can be had.
 */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { access, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { docker } from './docker.ts';

const run = promisify(execFile);

/** An engine that is there answers at once. Unit: milliseconds. */
const answerLimit = 10_000;

/** Between start and first answer. Unit: milliseconds. */
const startLimit = 60_000;

/** It ends its containers first. Unit: milliseconds. */
const stopLimit = 30_000;

/** Fetching and unpacking the packages. Unit: milliseconds. */
const installLimit = 5 * 60_000;

/** Exit status for "not now, through no fault of the command" (sysexits.h, EX_TEMPFAIL). */
const unavailable = 75;

const advice =
  'No Docker engine answers. Install one and start it (Debian and Ubuntu: apt-get install docker.io; ' +
  'others: https://docs.docker.com/engine/install/), or set DOCKER_HOST to one that runs. It must be ' +
  'usable by this user: try `docker version`.';

/** Undefined when one answers, else why not. */
async function problem(env: NodeJS.ProcessEnv = {}): Promise<string | undefined> {
  return docker(['version', '--format', '{{.Server.Version}}'], { limit: answerLimit, env }).then(
    () => undefined,
    (error: Error) => error.message,
  );
}

/** An engine of this run's own. */
interface Engine extends AsyncDisposable {
  host: string;
}

/** @throws Error where this machine is not one to install an engine on */
async function ownEngine(): Promise<Engine> {
  if (process.env.CI !== 'true') throw new Error('only a CI run (CI=true) starts one of its own');
  if (process.getuid?.() !== 0) throw new Error('only root can start one');
  await access('/usr/sbin/dockerd').catch(() => install());
  const folder = await mkdtemp(join(tmpdir(), 'dnj-docker-'));
  const socket = join(folder, 'docker.sock');
  const engine = spawn(
    '/usr/sbin/dockerd',
    [
      ...['--host', `unix://${socket}`, '--pidfile', join(folder, 'pid')],
      ...['--data-root', join(folder, 'data'), '--exec-root', join(folder, 'exec')],
    ],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  );
  let said = '';
  for (const stream of [engine.stdout, engine.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      said = `${said}${text}`.slice(-4_000);
    });
  }
  const ended = once(engine, 'exit');
  const end = async () => {
    engine.kill('SIGTERM');
    await Promise.race([ended, sleep(stopLimit, undefined, { ref: false })]);
    engine.kill('SIGKILL');
    // Which it leaves mounted. Retries of rm() would multiply at each level of the tree.
    await run('umount', [join(folder, 'exec/netns/default')]).catch(() => undefined);
    await rm(folder, { recursive: true, force: true }).catch((error) => {
      console.error(`docker-engine: ${folder} cannot be removed: ${error.message}`);
    });
  };
  const host = `unix://${socket}`;
  const deadline = Date.now() + startLimit;
  while (engine.exitCode === null && Date.now() < deadline) {
    const answers = !(await problem({ DOCKER_HOST: host }));
    if (answers) return { host, [Symbol.asyncDispose]: end };
    await sleep(200);
  }
  await end();
  throw new Error(`dockerd did not start:\n${said}`);
}

async function install(): Promise<void> {
  const release = await readFile('/etc/os-release', 'utf8').catch(() => '');
  if (!/^ID(_LIKE)?=.*(debian|ubuntu)/m.test(release))
    throw new Error('this is no Debian or Ubuntu');
  console.error('docker-engine: installing docker.io with apt-get');
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  await run('apt-get', ['update', '-q'], { env, timeout: installLimit });
  const packages = ['docker.io', 'iptables', 'docker-compose'];
  await run('apt-get', ['install', '-y', '-q', '--no-install-recommends', ...packages], {
    env,
    timeout: installLimit,
    maxBuffer: 64 * 1024 * 1024,
  });
}

/** @returns the exit status of the command */
async function runWithEngine([command = '', ...args]: string[]): Promise<number> {
  await using stack = new AsyncDisposableStack();
  const env = { ...process.env };
  if (await problem()) {
    try {
      env.DOCKER_HOST = stack.use(await ownEngine()).host;
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      console.error(`docker-engine: ${reason}\n${advice}`);
      return unavailable;
    }
  }
  const child = spawn(command, args, { stdio: 'inherit', env });
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => child.kill(signal));
  const [code] = await once(child, 'exit');
  return code ?? 1;
}

const [verb, ...command] = process.argv.slice(2);
if (verb === 'run' && command.length > 0) process.exitCode = await runWithEngine(command);
else {
  const reason = await problem();
  if (reason) {
    console.error(`${advice}\n(${reason})`);
    process.exitCode = 1;
  }
}
