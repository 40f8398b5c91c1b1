import { expect, test } from 'vitest';
import { help, parseCommandLine } from '../../src/command-line.ts';

const options = (args: string[], env: NodeJS.ProcessEnv = {}) => {
  const command = parseCommandLine(args, env);
  if (command.run !== 'serve') throw new Error(`not served: ${JSON.stringify(command)}`);
  return command.options;
};

test('defaults', () => {
  expect(options([])).toEqual({
    socketName: 'nats-jetstream',
    socketFolder: '/tmp/dapr-components-sockets',
    socketMode: 0o666,
    logLevel: 'info',
    sidecar: undefined,
    restartOrphanedSidecar: false,
    grpcServer: 'own',
    stopAfterSidecar: 0,
    http: undefined,
  });
});

test.each([
  [[], {}, undefined],
  [[], { DAPR_HTTP_PORT: '3501' }, 'http://127.0.0.1:3501'],
  [[], { DAPR_HTTP_PORT: '70000' }, undefined],
  [['--restart-orphaned-sidecar'], {}, 'http://127.0.0.1:3500'],
  [[], { DAPR_NATS_JETSTREAM_RESTART_ORPHANED_SIDECAR: 'true' }, 'http://127.0.0.1:3500'],
  [['--sidecar-url', 'http://[::1]:1'], { DAPR_HTTP_PORT: '2' }, 'http://[::1]:1'],
])('the sidecar of %j and %j', (args, env, url) => {
  expect(options(args, env).sidecar?.url).toBe(url);
});

test.each([
  [['--http-port', '9464'], {}, { host: '127.0.0.1', port: 9464 }],
  [[], { DAPR_NATS_JETSTREAM_HTTP_PORT: '0' }, { host: '127.0.0.1', port: 0 }],
  [['--http-port', '1', '--http-host', '::'], {}, { host: '::', port: 1 }],
  [[], { DAPR_NATS_JETSTREAM_HTTP_PORT: '', DAPR_NATS_JETSTREAM_HTTP_HOST: '0.0.0.0' }, undefined],
  [['--http-host', '::'], { DAPR_NATS_JETSTREAM_HTTP_PORT: '1' }, { host: '::', port: 1 }],
])('HTTP of %j and %j', (args, env, http) => {
  expect(options(args, env).http).toEqual(http);
});

test('an option wins over its variable', () => {
  const env = { DAPR_NATS_JETSTREAM_SOCKET_NAME: 'env', DAPR_NATS_JETSTREAM_LOG_LEVEL: 'debug' };
  expect(options(['--socket-name', 'flag'], env)).toMatchObject({
    socketName: 'flag',
    logLevel: 'debug',
  });
});

test.each([
  [['--grpc-server', 'grpc-js'], {}, 'grpc-js'],
  [[], { DAPR_NATS_JETSTREAM_GRPC_SERVER: 'grpc-js' }, 'grpc-js'],
  [['--grpc-server', 'own'], { DAPR_NATS_JETSTREAM_GRPC_SERVER: 'grpc-js' }, 'own'],
])('the gRPC server of %j and %j', (args, env, name) => {
  expect(options(args, env).grpcServer).toBe(name);
});

test.each([
  'DAPR_NATS_JETSTREAM_SOCKET_FOLDER',
  'DAPR_COMPONENTS_SOCKETS_FOLDER',
  'DAPR_COMPONENT_SOCKETS_FOLDER',
  'DAPR_COMPONENT_SOCKET_FOLDER',
])('the folder is read from %s', (variable) => {
  expect(options([], { [variable]: '/run/sockets' }).socketFolder).toBe('/run/sockets');
});

test('an empty variable counts as unset', () => {
  expect(options([], { DAPR_COMPONENTS_SOCKETS_FOLDER: '' }).socketFolder).toBe(
    '/tmp/dapr-components-sockets',
  );
});

test('--help and --version', () => {
  expect(parseCommandLine(['--help'], {}).run).toBe('help');
  expect(parseCommandLine(['-h'], {}).run).toBe('help');
  expect(parseCommandLine(['--version'], {}).run).toBe('version');
});

test.each([
  [['--bogus'], {}, "Unknown option '--bogus'"],
  [['extra'], {}, "Unexpected argument 'extra'"],
  [['--socket-name'], {}, '--socket-name'],
  [['--socket-name', 'a/b'], {}, '--socket-name: "a/b"'],
  [['--socket-name', ''], {}, '--socket-name: ""'],
  [['--socket-folder', ''], {}, '--socket-folder: ""'],
  [['--socket-mode', '999'], {}, '--socket-mode: "999"'],
  [['--socket-mode', '0000'], {}, '--socket-mode: "0000" cannot be used: use three octal digits'],
  [['--socket-mode', '466'], {}, '--socket-mode: "466"'],
  [['--socket-mode', 'rw'], {}, '--socket-mode: "rw"'],
  [['--log-level', 'loud'], {}, '--log-level: "loud" cannot be used: use one of debug, info'],
  [[], { DAPR_NATS_JETSTREAM_LOG_LEVEL: 'x' }, 'DAPR_NATS_JETSTREAM_LOG_LEVEL: "x"'],
  [['--stop-after-sidecar', '601'], {}, 'use whole seconds, 0 to 600'],
  [['--stop-after-sidecar', '-1'], {}, '--stop-after-sidecar'],
  [['--http-port', '70000'], {}, '--http-port: "70000"'],
  [['--http-port', ''], {}, '--http-port: ""'],
  [['--http-port', '1', '--http-host', 'localhost'], {}, '--http-host: "localhost" cannot be used'],
  [['--http-host', '0.0.0.0'], {}, 'nothing is served without --http-port'],
  [
    ['--sidecar-url', 'localhost:3500'],
    {},
    '--sidecar-url cannot be used: use http(s)://host:port',
  ],
  [['--sidecar-url', ''], {}, '--sidecar-url cannot be used'],
  [['--grpc-server', 'go'], {}, '--grpc-server: "go" cannot be used: use one of own, grpc-js'],
  [['--grpc-server', ''], {}, '--grpc-server: "" cannot be used'],
  [[], { DAPR_NATS_JETSTREAM_GRPC_SERVER: 'grpcjs' }, 'DAPR_NATS_JETSTREAM_GRPC_SERVER: "grpcjs"'],
  [[], { DAPR_NATS_JETSTREAM_RESTART_ORPHANED_SIDECAR: 'yes' }, '"yes" cannot be used: use true'],
  [['healthcheck', '--wait', '-1'], {}, "'--wait' needs a value that does not begin with a dash"],
  [['healthcheck', '--wait=-1'], {}, 'healthcheck: --wait: "-1" cannot be used: use whole seconds'],
  [['check'], {}, 'check: name at least one file'],
  [['check', '--bogus', 'a.yaml'], {}, "check: Unknown option '--bogus'"],
  [['check', 'a.yaml', '--app-id', ''], {}, 'check: --app-id: "" cannot be used: name the app'],
])('%j %j is refused in one line', (args, env, words) => {
  const command = parseCommandLine(args, env);
  if (command.run !== 'refuse') throw new Error('was accepted');
  expect(command.reason).toContain(words);
  expect(command.reason).not.toContain('\n');
});

test.each([
  'user:SEKRET@localhost',
  'http://user:SEKRET@localhost:1',
  'http://SEKRET@localhost:1',
  'http://localhost:1/?token=SEKRET',
  'http://localhost:1/#SEKRET',
  'http://localhost:1/SEKRET',
  'http://user:SEKRET@local host',
])('%s as --sidecar-url: refused, and not told on', (url) => {
  const env = { DAPR_NATS_JETSTREAM_SIDECAR_URL: url };
  for (const command of [parseCommandLine(['--sidecar-url', url], {}), parseCommandLine([], env)]) {
    expect(command).toMatchObject({ run: 'refuse', reason: expect.stringContaining('user info') });
    expect(JSON.stringify(command)).not.toContain('SEKRET');
  }
});

test('the help names every option and variable', () => {
  const options = ['socket-name', 'socket-folder', 'socket-mode', 'log-level', 'sidecar-url'];
  options.push('restart-orphaned-sidecar', 'http-port', 'http-host', 'stop-after-sidecar');
  options.push('grpc-server');
  for (const flag of options) {
    expect(help).toContain(`--${flag}`);
    expect(help).toContain(`DAPR_NATS_JETSTREAM_${flag.toUpperCase().replaceAll('-', '_')}`);
  }
});

test('healthcheck looks for the socket where the server makes it', () => {
  const env = { DAPR_COMPONENTS_SOCKETS_FOLDER: '/run/sockets' };
  expect(parseCommandLine(['healthcheck', '--socket-name', 'jetstream'], env)).toMatchObject({
    run: 'healthcheck',
    arguments: { socketFolder: '/run/sockets', socketName: 'jetstream', wait: undefined },
  });
  expect(parseCommandLine(['healthcheck', '--wait', '30'], {})).toMatchObject({
    arguments: { wait: 30_000 },
  });
  expect(parseCommandLine(['healthcheck', '--help'], {}).run).toBe('help');
  for (const args of [
    ['--log-level', 'info'],
    ['extra'],
    ['--socket-name', 'a/b'],
    ['--wait', '1s'],
  ]) {
    expect(parseCommandLine(['healthcheck', ...args], {}).run).toBe('refuse');
  }
});

test('check takes files, --connect and --app-id', () => {
  expect(parseCommandLine(['check', 'a.yaml', 'b.yaml', '--connect'], {})).toEqual({
    run: 'check',
    arguments: { files: ['a.yaml', 'b.yaml'], connect: true, appId: undefined },
  });
  expect(parseCommandLine(['check', 'a.yaml', '--app-id', 'checkout'], {})).toMatchObject({
    arguments: { connect: false, appId: 'checkout' },
  });
});
