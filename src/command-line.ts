import { isIP } from 'node:net';
import { parseArgs } from 'node:util';
import { type LogLevel, logLevels } from './log.ts';

export interface Options {
  /** Socket file name without `.sock`; also the `pubsub.<name>` of the Component type. */
  socketName: string;
  socketFolder: string;
  /** Permission bits of the socket file. */
  socketMode: number;
  logLevel: LogLevel;
  /**
   * HTTP API of the one daprd that is served, its API token, and whether nobody has named it;
   * undefined where it is not known.
   */
  sidecar: { url: string; token: string | undefined; guessed: boolean } | undefined;
  restartOrphanedSidecar: boolean;
  /** What serves gRPC on the socket. */
  grpcServer: GrpcServerName;
  /** Once told to stop, how long it serves on while a daprd is still there. Unit: milliseconds. */
  stopAfterSidecar: number;
  /** Where metrics, health and the status page are served; undefined for nowhere. */
  http: { host: string; port: number } | undefined;
}

export interface CheckArguments {
  files: string[];
  connect: boolean;
  /** Undefined where none is named. */
  appId: string | undefined;
}

export interface HealthcheckArguments {
  socketName: string;
  socketFolder: string;
  /** How long the socket may take to be served; undefined to ask once. Unit: milliseconds. */
  wait: number | undefined;
}

export type Command =
  | { run: 'serve'; options: Options }
  | { run: 'check'; arguments: CheckArguments }
  | { run: 'healthcheck'; arguments: HealthcheckArguments }
  | { run: 'help' }
  | { run: 'version' }
  | { run: 'refuse'; reason: string };

/** `own` is src/grpc; `grpc-js` is the library, for whoever meets a difference. */
const grpcServers = ['own', 'grpc-js'] as const;
export type GrpcServerName = (typeof grpcServers)[number];

/** Several spellings of the folder are about: daprd's own, the injector's, and an older one. */
const daprFolderVariables = [
  'DAPR_COMPONENTS_SOCKETS_FOLDER',
  'DAPR_COMPONENT_SOCKETS_FOLDER',
  'DAPR_COMPONENT_SOCKET_FOLDER',
];

const defaults = {
  'socket-name': 'nats-jetstream',
  'socket-folder': '/tmp/dapr-components-sockets',
  'socket-mode': '0666',
  'log-level': 'info',
  'http-host': '127.0.0.1',
  'stop-after-sidecar': '0',
  'grpc-server': 'own',
} as const;

/** Each is also an environment variable. */
const settings = {
  'socket-name': { type: 'string' },
  'socket-folder': { type: 'string' },
  'socket-mode': { type: 'string' },
  'log-level': { type: 'string' },
  'http-port': { type: 'string' },
  'http-host': { type: 'string' },
  'sidecar-url': { type: 'string' },
  'restart-orphaned-sidecar': { type: 'boolean' },
  'stop-after-sidecar': { type: 'string' },
  'grpc-server': { type: 'string' },
} as const;

type Flag = keyof typeof settings;

/** The environment variables that have this program's name. */
export const ownVariables = (Object.keys(settings) as Flag[]).map(variableOf);

/** Nothing here waits longer. Unit: seconds. */
const longestWait = 600;
const secondsAllowed = `use whole seconds, 0 to ${longestWait}`;

/** Of daprd's HTTP API, where nobody says otherwise. */
const usualSidecar = 'http://127.0.0.1:3500';

export const help = `dapr-nats-jetstream: a Dapr pub/sub component for NATS JetStream

Usage: dapr-nats-jetstream [options]
       dapr-nats-jetstream check FILE... [--connect] [--app-id ID]
       dapr-nats-jetstream healthcheck [--wait SECONDS]

Serves Dapr's pluggable component protocol on a Unix domain socket until it is
told to stop (SIGTERM, SIGINT, SIGHUP, SIGQUIT). Start it before daprd: daprd looks for sockets
once, when it starts. A Component of type pubsub.<socket name> then uses it.

Options, each also by environment variable; the option wins:
  --socket-name NAME    file name of the socket, without .sock. The Component's
                        type is pubsub.NAME. "jetstream" takes the place of the
                        pubsub.jetstream built into daprd.
                        [DAPR_NATS_JETSTREAM_SOCKET_NAME, default ${defaults['socket-name']}]
  --socket-folder DIR   where daprd looks for sockets; created when missing
                        [DAPR_NATS_JETSTREAM_SOCKET_FOLDER, else daprd's own
                        DAPR_COMPONENTS_SOCKETS_FOLDER (also read in the spellings
                        DAPR_COMPONENT_SOCKETS_FOLDER, DAPR_COMPONENT_SOCKET_FOLDER),
                        default ${defaults['socket-folder']}]
  --socket-mode MODE    permissions of the socket, octal. daprd must be able to
                        write to it: 0660 is enough with a shared group.
                        [DAPR_NATS_JETSTREAM_SOCKET_MODE, default ${defaults['socket-mode']}]
  --log-level LEVEL     ${logLevels.join(', ')}
                        [DAPR_NATS_JETSTREAM_LOG_LEVEL, default ${defaults['log-level']}]
  --http-port PORT      serve /metrics, /healthz, /readyz and a status page at / there;
                        0 takes a free one
                        [DAPR_NATS_JETSTREAM_HTTP_PORT, else nothing is served]
  --http-host ADDRESS   of this machine, beside --http-port; 0.0.0.0 for all of them.
                        Nobody is asked for a password there
                        [DAPR_NATS_JETSTREAM_HTTP_HOST, default ${defaults['http-host']}]
  --sidecar-url URL     daprd's HTTP API, where this process serves one daprd. It is
                        asked whether it has outlived a component before this one
                        [DAPR_NATS_JETSTREAM_SIDECAR_URL, else port DAPR_HTTP_PORT on
                        127.0.0.1; DAPR_API_TOKEN is passed on]
  --restart-orphaned-sidecar
                        tell such a daprd to shut down, for its supervisor to start
                        it again; without --sidecar-url the one at
                        ${usualSidecar}
                        [DAPR_NATS_JETSTREAM_RESTART_ORPHANED_SIDECAR=true]
  --stop-after-sidecar SECONDS
                        when told to stop, go on until every daprd has gone, so that
                        it can finish what it is still handling; no longer than this, 600 at most.
                        For containers that are all told to stop at the same time
                        [DAPR_NATS_JETSTREAM_STOP_AFTER_SIDECAR, default ${defaults['stop-after-sidecar']}]
  --grpc-server NAME    what serves gRPC on the socket: own, or grpc-js, the library.
                        grpc-js is slower; use it if own does not work for you
                        [DAPR_NATS_JETSTREAM_GRPC_SERVER, default ${defaults['grpc-server']}]
  --help                print this and exit
  --version             print the version and exit

check reads Component and Subscription files, says what is wrong with them and
what each subscription would create. It creates nothing. Name the files of one
resources folder at a time.
  --connect             ask the NATS server too: reachable, credentials, stream,
                        permissions
  --app-id ID           of the app's daprd; it is in the names of consumers. Without it
                        <app id> stands there. The scopes of a Subscription win
  Exit codes: 0 all is well, 1 something would not work

healthcheck asks the component that serves the socket whether all is well, and
says in one line what is not: for probes, by exec in the same container. The
options and variables of the socket are those above.
  --wait SECONDS        wait until it answers, so long at most, and be content with
                        any answer: for a postStart hook, so that a daprd that is
                        started next finds the socket
  Exit codes: 0 it is serving, 1 it is not, or nobody answers within 2 s

Exit codes: 0 stopped as told, 1 could not start or stop, 2 wrong option.
`;

/** Reads the command line and the environment. Never throws: a wrong option is `refuse`. */
export function parseCommandLine(args: string[], env: NodeJS.ProcessEnv): Command {
  if (args[0] === 'check') return parseCheck(args.slice(1));
  if (args[0] === 'healthcheck') return parseHealthcheck(args.slice(1), env);
  return parseServe(args, env);
}

/** The socket is found exactly as the server finds it. */
function parseHealthcheck(args: string[], env: NodeJS.ProcessEnv): Command {
  const options = {
    'socket-name': { type: 'string' },
    'socket-folder': { type: 'string' },
    wait: { type: 'string' },
    help: { type: 'boolean', short: 'h' },
  } as const;
  let wait: string | undefined;
  const ofSocket: string[] = [];
  try {
    const { values } = parseArgs({ args, options });
    if (values.help) return { run: 'help' };
    wait = values.wait;
    for (const flag of ['socket-name', 'socket-folder'] as const) {
      if (values[flag] !== undefined) ofSocket.push(`--${flag}=${values[flag]}`);
    }
  } catch (error) {
    return { run: 'refuse', reason: `healthcheck: ${firstSentence(error)}` };
  }
  if (wait !== undefined && !isSeconds(wait)) {
    return refuse({ value: wait, from: 'healthcheck: --wait' }, secondsAllowed);
  }
  const command = parseServe(ofSocket, env);
  if (command.run !== 'serve') return command;
  const { socketName, socketFolder } = command.options;
  const milliseconds = wait === undefined ? undefined : Number(wait) * 1_000;
  return { run: 'healthcheck', arguments: { socketName, socketFolder, wait: milliseconds } };
}

function parseCheck(args: string[]): Command {
  try {
    const { values, positionals } = parseArgs({
      args,
      allowPositionals: true,
      options: {
        connect: { type: 'boolean', default: false },
        'app-id': { type: 'string' },
        help: { type: 'boolean', short: 'h' },
      },
    });
    if (values.help) return { run: 'help' };
    if (positionals.length === 0) return { run: 'refuse', reason: 'check: name at least one file' };
    const { connect, 'app-id': appId } = values;
    if (appId?.trim() === '') {
      return refuse({ value: appId, from: 'check: --app-id' }, 'name the app as its daprd does');
    }
    return { run: 'check', arguments: { files: positionals, connect, appId } };
  } catch (error) {
    return { run: 'refuse', reason: `check: ${firstSentence(error)}` };
  }
}

function parseServe(args: string[], env: NodeJS.ProcessEnv): Command {
  let flags: { [flag in Flag | 'help' | 'version']?: string | boolean };
  try {
    flags = parseArgs({
      args,
      options: {
        ...settings,
        help: { type: 'boolean', short: 'h' },
        version: { type: 'boolean', short: 'v' },
      },
    }).values;
  } catch (error) {
    return { run: 'refuse', reason: firstSentence(error) };
  }
  if (flags.help) return { run: 'help' };
  if (flags.version) return { run: 'version' };

  const read = (flag: Flag) => readOption(flag, flags[flag]?.toString(), env);
  const name = read('socket-name');
  const folder = read('socket-folder');
  const mode = read('socket-mode');
  const level = read('log-level');
  if (!/^[A-Za-z0-9][A-Za-z0-9_-]*$/.test(name.value)) {
    return refuse(name, 'use letters, digits, - and _ (it becomes part of the Component type)');
  }
  if (folder.value.trim() === '') return refuse(folder, 'name a folder');
  // Without reading and writing for the owner, nobody but root could use it.
  if (!/^0?[67][0-7]{2}$/.test(mode.value)) {
    return refuse(
      mode,
      'use three octal digits, of which the first is 6 or 7, such as 0666 or 0660',
    );
  }
  if (!(logLevels as readonly string[]).includes(level.value)) {
    return refuse(level, `use one of ${logLevels.join(', ')}`);
  }
  const port = read('http-port');
  const host = read('http-host');
  // An empty option is one that somebody has got wrong; an empty variable is unset.
  const asked = port.value !== '' || flags['http-port'] !== undefined;
  if (asked && !isPort(port.value)) return refuse(port, 'use a port, 0 to 65535');
  if (isIP(host.value) === 0)
    return refuse(host, 'use an IP address, such as 127.0.0.1 or 0.0.0.0');
  // A variable may be set for many processes, of which some serve nothing.
  if (!asked && flags['http-host'] !== undefined)
    return refuse(host, 'nothing is served without --http-port');
  const after = read('stop-after-sidecar');
  if (!isSeconds(after.value)) return refuse(after, secondsAllowed);
  const server = read('grpc-server');
  const grpcServer = grpcServers.find((known) => known === server.value);
  if (!grpcServer) return refuse(server, `use one of ${grpcServers.join(', ')}`);
  const restart = read('restart-orphaned-sidecar');
  if (!/^(true|false|)$/i.test(restart.value)) return refuse(restart, 'use true or false');
  const restartOrphanedSidecar = restart.value.toLowerCase() === 'true';
  const sidecar = readSidecar(flags['sidecar-url']?.toString(), env);
  if (sidecar && !isOrigin(sidecar.value)) {
    // Not the value: a password or token may be anywhere in it.
    const allowed = `use http(s)://host:port without user info, path or query, such as ${usualSidecar}`;
    return { run: 'refuse', reason: `${sidecar.from} cannot be used: ${allowed}` };
  }
  const url = sidecar?.value ?? (restartOrphanedSidecar && usualSidecar);
  return {
    run: 'serve',
    options: {
      socketName: name.value,
      socketFolder: folder.value,
      socketMode: Number.parseInt(mode.value, 8),
      logLevel: level.value as LogLevel,
      sidecar: url ? { url, token: env.DAPR_API_TOKEN, guessed: !sidecar } : undefined,
      restartOrphanedSidecar,
      grpcServer,
      stopAfterSidecar: Number(after.value) * 1_000,
      http: asked ? { host: host.value, port: Number(port.value) } : undefined,
    },
  };
}

interface Given {
  value: string;
  /** The option or variable the value came from. */
  from: string;
}

/** An empty environment variable counts as unset, an empty option does not. */
function readOption(flag: Flag, given: string | undefined, env: NodeJS.ProcessEnv): Given {
  if (given !== undefined) return { value: given, from: `--${flag}` };
  const own = variableOf(flag);
  const variables = flag === 'socket-folder' ? [own, ...daprFolderVariables] : [own];
  for (const variable of variables) {
    const value = env[variable];
    if (value) return { value, from: variable };
  }
  return { value: (defaults as Record<string, string>)[flag] ?? '', from: `--${flag}` };
}

function variableOf(flag: Flag): string {
  return `DAPR_NATS_JETSTREAM_${flag.toUpperCase().replaceAll('-', '_')}`;
}

/** Undefined where none is named. */
function readSidecar(given: string | undefined, env: NodeJS.ProcessEnv): Given | undefined {
  const named = readOption('sidecar-url', given, env);
  if (named.value || given !== undefined) return named;
  // Not meant for this process alone: one that cannot be used is none.
  const value = `http://127.0.0.1:${env.DAPR_HTTP_PORT}`;
  return isOrigin(value) ? { value, from: 'DAPR_HTTP_PORT' } : undefined;
}

function isSeconds(text: string): boolean {
  return /^\d{1,3}$/.test(text) && Number(text) <= longestWait;
}

function isPort(text: string): boolean {
  return /^\d{1,5}$/.test(text) && Number(text) <= 65_535;
}

function isOrigin(text: string): boolean {
  const url = URL.parse(text);
  return (
    !!url && /^https?:$/.test(url.protocol) && url.port !== '0' && `${url.origin}/` === url.href
  );
}

function refuse({ from, value }: Given, allowed: string): Command {
  return { run: 'refuse', reason: `${from}: "${value}" cannot be used: ${allowed}` };
}

/** What Node says of an argument that it cannot take. */
function firstSentence(error: unknown): string {
  const said = error instanceof Error ? error.message : String(error);
  // Of a value that begins with a dash, which none here may.
  const text = said.replace(
    'argument is ambiguous',
    'needs a value that does not begin with a dash',
  );
  return (text.split(/\.\s|\n/)[0] ?? text).replace(/\.$/, '');
}
