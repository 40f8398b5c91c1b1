/**
 * The data path, top to bottom:
 *
 *   daprd
 *     │  Unix domain socket                     dapr/socket.ts
 *     │  one gRPC server per connection         dapr/server.ts
 *   eight RPCs                                  dapr/service.ts, dapr/pull-stream.ts
 *     │  (connection, Component name)           component/sessions.ts
 *   one Component                               component/instance.ts, component/config.ts
 *     │
 *     ├─ publish   →  PubAck                    jetstream/publisher.ts
 *     └─ subscribe →  consumer → in flight →    jetstream/subscription.ts
 *                     ack, nak                  jetstream/in-flight.ts
 *     │  one NATS connection per Component      jetstream/connection.ts
 *   nats-server
 *
 * Beside it, where a port is asked for, http/server.ts shows what the rooms say of themselves.
 *
 * This file reads the environment and the command line, and turns signals into a stop.
 */
import { readFileSync } from 'node:fs';
import { enableCompileCache } from 'node:module';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { CheckArguments, HealthcheckArguments, Options } from './command-line.ts';
import type { RunningServer } from './dapr/server.ts';
import type { Logger } from './log.ts';

/** Past this the process ends whatever is still under way. Unit: milliseconds. */
const stopLimit = 5_000;

/** A signal that comes again so soon is the same one: a terminal and npm both send it. Milliseconds. */
const echo = 500;

/** All that ask for an end: a supervisor, Ctrl-C, a terminal or ssh session that closes, Ctrl-\\. */
const signals = ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGQUIT'] as const;

/**
 * The first signal that came before there was anything to stop. They are listened to before the rest is
 * even loaded: what comes to process 1 of a container while nobody listens is lost.
 */
let early: NodeJS.Signals | undefined;
let told = (signal: NodeJS.Signals) => {
  early ??= signal;
};
// Never another listener: with the last one goes a signal that is on its way.
const listener = (signal: NodeJS.Signals) => told(signal);
for (const signal of signals) process.on(signal, listener);

cacheCode();
const [{ help, ownVariables, parseCommandLine }, { messageOf }, { createLog }] = await Promise.all([
  import('./command-line.ts'),
  import('./errors.ts'),
  import('./log.ts'),
]);
// What came meanwhile is heard in the next turn.
await new Promise(setImmediate);

// Who reads has gone, as `head -1` does: the end is that of a program that SIGPIPE ends, 128 + 13.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit(141);
});

const command = parseCommandLine(process.argv.slice(2), process.env);
if (command.run !== 'serve') {
  // These have nothing to stop: they end as any program does.
  for (const signal of signals) process.off(signal, listener);
  if (early) process.kill(process.pid, early);
}
switch (command.run) {
  case 'help':
    process.stdout.write(help);
    break;
  case 'version':
    process.stdout.write(`${version()}\n`);
    break;
  case 'refuse':
    process.stderr.write(`dapr-nats-jetstream: ${command.reason} (see --help)\n`);
    process.exitCode = 2;
    break;
  case 'check':
    await check(command.arguments);
    break;
  case 'healthcheck':
    await healthcheck(command.arguments);
    break;
  case 'serve':
    await serve(command.options);
}

/**
 * What is imported from here on is compiled in less time from the second start on. Where nothing can be
 * written, in a read-only container say, it just is not.
 */
function cacheCode(): void {
  try {
    // Not in the system's temporary folder, which others can write to: this is code.
    const own = process.env.XDG_CACHE_HOME || join(homedir(), '.cache');
    enableCompileCache(process.env.NODE_COMPILE_CACHE || join(own, 'dapr-nats-jetstream', 'node'));
  } catch {
    // A user without a home.
  }
}

async function check(args: CheckArguments): Promise<void> {
  const [{ log }, checker] = await Promise.all([
    // What goes wrong is in the report; the log would say it twice.
    createLog('fatal', { fd: process.stdout.fd }),
    import('./component/check.ts'),
  ]);
  const report = await checker.check({ ...args, log });
  process.stdout.write(`${report.lines.join('\n')}\n`);
  process.exitCode = report.ok ? 0 : 1;
}

async function healthcheck(args: HealthcheckArguments): Promise<void> {
  const { socketFolder, socketName, wait } = args;
  const probe = await import('./dapr/healthcheck.ts');
  const health =
    wait === undefined
      ? await probe.healthcheck(socketFolder, socketName)
      : await probe.untilAnswered(socketFolder, socketName, wait);
  process.stdout.write(`${health.line}\n`);
  process.exitCode = (wait === undefined ? health.serving : health.answered) ? 0 : 1;
}

async function serve(options: Options): Promise<void> {
  // Loaded only here: --help and --version need none of it.
  const [{ log, finish }, { startServer }] = await Promise.all([
    createLog(options.logLevel, process.stdout),
    import('./dapr/server.ts'),
  ]);
  process.on('exit', finish);
  if (early) {
    log.info(`${early}: stopped before the start`);
    process.exit(0);
  }
  let stage: 'serving' | 'waiting' | 'stopping' = 'serving';
  const hurried = Promise.withResolvers<void>();
  const end = async (signal: NodeJS.Signals) => {
    const running = await server.catch(() => undefined);
    // One that cannot start ends the process by itself.
    if (!running) return;
    if (stage === 'waiting') {
      const limit = options.stopAfterSidecar;
      log.info(`${signal}: going on until daprd has gone, ${limit / 1000} s at most`);
      await Promise.race([running.hostsGone(limit), hurried.promise]);
      stage = 'stopping';
    }
    await stopServer(running, signal, log);
  };
  let timer: NodeJS.Timeout | undefined;
  const endWithin = (limit: number) => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      log.error(`not stopped within ${limit / 1000} s: ending anyway`);
      process.exit(1);
    }, limit).unref();
  };
  let heardAt = Number.NEGATIVE_INFINITY;
  const stop = (signal: NodeJS.Signals) => {
    if (performance.now() - heardAt < echo) return;
    heardAt = performance.now();
    switch (stage) {
      case 'serving':
        stage = options.stopAfterSidecar > 0 ? 'waiting' : 'stopping';
        endWithin(options.stopAfterSidecar + stopLimit);
        void end(signal);
        break;
      case 'waiting':
        log.info(`${signal} again: not waiting for daprd any longer`);
        stage = 'stopping';
        endWithin(stopLimit);
        hurried.resolve();
        break;
      case 'stopping':
        log.warn(`${signal} again: stopping at once, unsettled messages come back after ackWait`);
        process.exit(1);
    }
  };
  told = stop;
  process.on('uncaughtException', (error) => {
    log.fatal({ err: error }, `unexpected error: ${messageOf(error)}`);
    process.exit(1);
  });

  let running: RunningServer | undefined;
  const server = serveHttp(options, log, () => running).then(() =>
    startServer({ ...options, log }),
  );
  try {
    running = await server;
    log.info(
      { version: version(), socket: running.path, type: `pubsub.${options.socketName}` },
      `ready: Components of type pubsub.${options.socketName} are served on ${running.path}`,
    );
    await warnOfMisspelt(log);
  } catch (error) {
    log.fatal(messageOf(error));
    process.exit(1);
  }
}

async function stopServer(
  running: RunningServer,
  signal: NodeJS.Signals,
  log: Logger,
): Promise<void> {
  log.info(`${signal}: giving back unsettled messages and stopping`);
  try {
    await running.stop();
    log.info('stopped');
    process.exit(0);
  } catch (error) {
    log.error({ err: error }, `could not stop cleanly: ${messageOf(error)}`);
    process.exit(1);
  }
}

/** Before the socket: daprd shall not meet a process that is about to end for want of its port. */
async function serveHttp(
  { http }: Options,
  log: Logger,
  server: () => RunningServer | undefined,
): Promise<void> {
  if (!http) return;
  const { startHttp } = await import('./http/server.ts');
  const { url } = await startHttp({
    ...http,
    version: version(),
    status: () => server()?.status(),
    inPlace: async () => server()?.inPlace() ?? false,
    refresh: async () => server()?.refresh(),
    log,
  });
  log.info(`metrics, health and status page: ${url}`);
}

/** Others may have variables that only begin alike: Kubernetes makes some for a Service of this name. */
async function warnOfMisspelt(log: Logger): Promise<void> {
  const unknown = Object.keys(process.env).filter(
    (name) => /^DAPR_?NATS/i.test(name) && !ownVariables.includes(name),
  );
  if (unknown.length === 0) return;
  const { meant } = await import('./misspelling.ts');
  for (const name of unknown) {
    const near = meant(name, ownVariables);
    if (near) log.warn(`${name} is not a variable of this program; did you mean ${near}?`);
  }
}

function version(): string {
  const manifest = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
  return JSON.parse(manifest).version;
}
