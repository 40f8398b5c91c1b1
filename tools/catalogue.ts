/** What the tools know of a third-party binary apart from its version, which its go.mod has. */
export interface Binary {
  /** Environment variable that may hold an explicit path. */
  variable: string;
  /** Folder, next to this file, of the Go module that pins the binary. */
  module: string;
  /** How its own project says to install it: an instruction, without a full stop. */
  install: (version: string) => string;
  /** Further `go build` flags, after those of its official release. */
  flags: (version: string) => readonly string[];
}

export type BinaryName = 'daprd' | 'nats-server' | 'dapr';

export const catalogue: Readonly<Record<BinaryName, Binary>> = {
  daprd: {
    variable: 'DAPRD_BIN',
    module: 'daprd',
    install: (version) =>
      'install the Dapr CLI (https://docs.dapr.io/getting-started/install-dapr-cli/), then run ' +
      `\`dapr init --slim --runtime-version ${version}\`, which puts daprd into ~/.dapr/bin`,
    flags: (version) => [
      '-tags=stablecomponents',
      `-ldflags=-s -w -X github.com/dapr/dapr/pkg/buildinfo.version=${version} ` +
        `-X github.com/dapr/kit/logger.DaprVersion=${version}`,
    ],
  },
  'nats-server': {
    variable: 'NATS_SERVER_BIN',
    module: 'nats-server',
    install: (version) =>
      `take it from https://github.com/nats-io/nats-server/releases/tag/v${version} or follow ` +
      'https://docs.nats.io/running-a-nats-service/introduction/installation',
    flags: () => ['-ldflags=-s -w'],
  },
  dapr: {
    variable: 'DAPR_BIN',
    module: 'dapr-cli',
    install: () => 'follow https://docs.dapr.io/getting-started/install-dapr-cli/',
    flags: (version) => [`-ldflags=-s -w -X main.version=${version}`],
  },
};

export const binaryNames = Object.keys(catalogue) as readonly BinaryName[];

export function isBinaryName(name: string): name is BinaryName {
  return Object.hasOwn(catalogue, name);
}
