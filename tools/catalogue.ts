import type { GoPatch } from './go-patch.ts';

/** What the tools know of a third-party binary apart from its version, which its go.mod has. */
export interface Binary {
  /** Environment variable that may hold an explicit path. */
  variable: string;
  /** Folder, next to this file, of the Go module that pins the binary. */
  module: string;
  /**
   * How its own project says to install it: an instruction, without a full stop. Absent where only
   * the pinned version will do: then it is looked for neither on PATH nor in ~/.dapr/bin.
   */
  install?: (version: string) => string;
  /** Further `go build` flags, after those of its official release. */
  flags: (version: string) => readonly string[];
  /** A change to one of the modules that the binary is built from. */
  patch?: GoPatch;
}

export type BinaryName =
  | 'daprd'
  | 'daprd-allcomponents'
  | 'daprd-concurrent'
  | 'daprd-concurrent-allcomponents'
  | 'daprd-1.16'
  | 'daprd-1.12'
  | 'nats-server'
  | 'nats-server-2.10'
  | 'nats'
  | 'dapr'
  | 'h2spec'
  | 'connectconformance';

const installDaprd = (version: string) =>
  'install the Dapr CLI (https://docs.dapr.io/getting-started/install-dapr-cli/), then run ' +
  `\`dapr init --slim --runtime-version ${version}\`, which puts daprd into ~/.dapr/bin`;

const daprdFlags = (tag: string, version: string) => [
  `-tags=${tag}`,
  `-ldflags=-s -w -X github.com/dapr/dapr/pkg/buildinfo.version=${version} ` +
    `-X github.com/dapr/kit/logger.DaprVersion=${version}`,
];

/**
 * Makes daprd handle the messages of a subscription concurrently, as 1.17.14, 1.18.4 and later do. The
 * pinned daprd handles them one at a time.
 */
const dispatchConcurrently: GoPatch = {
  module: 'github.com/dapr/dapr',
  file: 'pkg/components/pubsub/pluggable.go',
  line: 'handle(msg)',
  replacement: 'go handle(msg)',
};

/** The first release with that change: newer than the pinned version, which has to be on the Go module proxy. */
const installConcurrent = (name: string) => () =>
  `${installDaprd('1.18.4')}; name or link it ${name}`;

const concurrent = (version: string) => `${version}-concurrent`;

export const catalogue: Readonly<Record<BinaryName, Binary>> = {
  daprd: {
    variable: 'DAPRD_BIN',
    module: 'daprd',
    install: installDaprd,
    flags: (version) => daprdFlags('stablecomponents', version),
  },
  // With the built-in pubsub.jetstream to compare with, and twice the size. A released daprd is one.
  'daprd-allcomponents': {
    variable: 'DAPRD_ALLCOMPONENTS_BIN',
    module: 'daprd',
    install: (version) => `${installDaprd(version)}; name or link it daprd-allcomponents`,
    flags: (version) => daprdFlags('allcomponents', version),
  },
  'daprd-concurrent': {
    variable: 'DAPRD_CONCURRENT_BIN',
    module: 'daprd',
    install: installConcurrent('daprd-concurrent'),
    flags: (version) => daprdFlags('stablecomponents', concurrent(version)),
    patch: dispatchConcurrently,
  },
  'daprd-concurrent-allcomponents': {
    variable: 'DAPRD_CONCURRENT_ALLCOMPONENTS_BIN',
    module: 'daprd',
    install: installConcurrent('daprd-concurrent-allcomponents'),
    flags: (version) => daprdFlags('allcomponents', concurrent(version)),
    patch: dispatchConcurrently,
  },
  // Older ones, for the tests of compatibility.
  'daprd-1.16': {
    variable: 'DAPRD_1_16_BIN',
    module: 'daprd-1.16',
    flags: (version) => daprdFlags('stablecomponents', version),
  },
  'daprd-1.12': {
    variable: 'DAPRD_1_12_BIN',
    module: 'daprd-1.12',
    flags: (version) => daprdFlags('stablecomponents', version),
  },
  'nats-server': {
    variable: 'NATS_SERVER_BIN',
    module: 'nats-server',
    install: (version) =>
      `take it from https://github.com/nats-io/nats-server/releases/tag/v${version} or follow ` +
      'https://docs.nats.io/running-a-nats-service/introduction/installation',
    flags: () => ['-ldflags=-s -w'],
  },
  'nats-server-2.10': {
    variable: 'NATS_SERVER_2_10_BIN',
    module: 'nats-server-2.10',
    flags: () => ['-ldflags=-s -w'],
  },
  // The NATS CLI, for the commands in the documentation.
  nats: {
    variable: 'NATS_BIN',
    module: 'nats-cli',
    install: () => 'follow https://github.com/nats-io/natscli#installation',
    flags: (version) => [`-ldflags=-s -w -X main.version=${version}`],
  },
  dapr: {
    variable: 'DAPR_BIN',
    module: 'dapr-cli',
    install: () => 'follow https://docs.dapr.io/getting-started/install-dapr-cli/',
    flags: (version) => [`-ldflags=-s -w -X main.version=${version}`],
  },
  // The outside suites of test/judges. What passes depends on their version.
  h2spec: {
    variable: 'H2SPEC_BIN',
    module: 'h2spec',
    flags: (version) => [`-ldflags=-s -w -X main.VERSION=${version}`],
  },
  connectconformance: {
    variable: 'CONNECTCONFORMANCE_BIN',
    module: 'connectconformance',
    flags: () => ['-ldflags=-s -w'],
  },
};

export const binaryNames = Object.keys(catalogue) as readonly BinaryName[];

export function isBinaryName(name: string): name is BinaryName {
  return Object.hasOwn(catalogue, name);
}
