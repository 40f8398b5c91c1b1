/**
 * `node tools/local-images.ts`: makes the images that the container tests and deploy/compose.yaml need
 * where no registry can be reached, out of what is on this machine, and prints their names as lines
 * `VARIABLE=name`.
 */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmod,
  cp,
  mkdir,
  mkdtemp,
  readFile,
  realpath,
  rm,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { resolveBinary } from './binaries.ts';
import { docker, hasImage } from './docker.ts';
import { findOnPath } from './search.ts';

const run = promisify(execFile);

/** What the Dockerfile builds on unless told otherwise. */
const usualBase = 'node:24-slim';

/** Pulling that may take so long. Unit: milliseconds. */
const pullLimit = 3 * 60_000;

/** The Dockerfile's own commands, and a shell for them; npm comes with its folder. */
const commands =
  'sh bash cat chmod chown cp dirname env find grep id ldd ls mkdir printf rm rmdir sleep touch'.split(
    ' ',
  );

export interface LocalImages {
  BASE_IMAGE: string;
  NATS_IMAGE: string;
  DAPRD_IMAGE: string;
}

/** Makes those that are not there yet. */
export async function localImages(): Promise<LocalImages> {
  return {
    BASE_IMAGE: await baseImage(),
    NATS_IMAGE: await binaryImage('nats-server'),
    DAPRD_IMAGE: await binaryImage('daprd'),
  };
}

/**
 * What to build the component's image on: `BASE_IMAGE` of the environment, else node:24-slim where it
 * is there or can be pulled, else an image of this machine's own Node, npm, shell and commands.
 */
async function baseImage(): Promise<string> {
  if (process.env.BASE_IMAGE) return process.env.BASE_IMAGE;
  if (await hasImage(usualBase)) return usualBase;
  const problem = await docker(['pull', '--quiet', usualBase], { limit: pullLimit }).then(
    () => undefined,
    (error: Error) => error.message.split('\n')[0]?.replace(/^docker pull --quiet failed: /, ''),
  );
  if (problem === undefined) return usualBase;
  console.error(`${usualBase} cannot be pulled (${problem}): building on this machine's own Node`);
  if (process.platform !== 'linux') {
    throw new Error(`without ${usualBase} a Linux machine is needed; or set BASE_IMAGE`);
  }
  return importBase();
}

/** A folder with this machine's Node, npm and commands, and the libraries they need, as an image. */
async function importBase(): Promise<string> {
  const { npmCli, authorities } = await npmOfThisMachine();
  const registry = (await run('npm', ['config', 'get', 'registry'])).stdout.trim();
  const itself = await readFile(import.meta.filename);
  const content = `${process.version} ${npmCli} ${registry} ${itself}`;
  const hash = createHash('sha256').update(content).digest('hex').slice(0, 12);
  const name = `dapr-nats-jetstream-base:${hash}`;
  if (await hasImage(name)) return name;
  await using folder = await workFolder();
  const root = join(folder.path, 'root');
  for (const path of ['usr/bin', 'usr/local/bin', 'tmp', 'proc', 'dev', 'sys', 'root', 'etc']) {
    await mkdir(join(root, path), { recursive: true });
  }
  await chmod(join(root, 'tmp'), 0o1777);
  for (const command of commands) {
    const path = await findOnPath(command, { PATH: '/usr/bin:/bin' });
    if (!path) throw new Error(`the base image needs the command ${command}, which is not here`);
    await copyWithLibraries(path, root, join('usr/bin', command));
  }
  await symlink('usr/bin', join(root, 'bin'));
  await copyWithLibraries(process.execPath, root, 'usr/local/bin/node');
  await cp(dirname(dirname(npmCli)), join(root, 'usr/local/lib/node_modules/npm'), {
    recursive: true,
  });
  for (const [link, cli] of [
    ['npm', 'npm-cli.js'],
    ['npx', 'npx-cli.js'],
  ] as const) {
    await symlink(`../lib/node_modules/npm/bin/${cli}`, join(root, 'usr/local/bin', link));
  }
  const user = 'nonroot:x:65532:65532::/tmp:/bin/sh\n';
  await writeFile(join(root, 'etc/passwd'), `root:x:0:0::/root:/bin/sh\n${user}`);
  await writeFile(join(root, 'etc/group'), 'root:x:0:\nnonroot:x:65532:\n');
  const environment = ['PATH=/usr/local/bin:/usr/bin', `npm_config_registry=${registry}`];
  if (authorities) {
    const path = '/etc/ssl/certs/ca-certificates.crt';
    await mkdir(join(root, dirname(path)), { recursive: true });
    await cp(await realpath(authorities), join(root, path));
    environment.push(`NODE_EXTRA_CA_CERTS=${path}`);
  }
  const tar = join(folder.path, 'root.tar');
  await run('tar', ['-C', root, '--owner=0', '--group=0', '-cf', tar, '.']);
  await docker(['import', '--change', `ENV ${environment.join(' ')}`, tar, name]);
  return name;
}

/** npm's own program, and the certificates that it trusts here besides Node's, if any. */
async function npmOfThisMachine() {
  const npm = process.env.npm_execpath ?? (await findOnPath('npm', process.env));
  if (!npm) throw new Error('npm is not on PATH: install Node.js with npm (https://nodejs.org)');
  return { npmCli: await realpath(npm), authorities: process.env.NODE_EXTRA_CA_CERTS };
}

/** The file at `target` below `root`, and each library that the dynamic linker would load for it. */
async function copyWithLibraries(path: string, root: string, target: string): Promise<void> {
  const file = await realpath(path);
  await cp(file, join(root, target));
  // A script, and a static binary, has none: ldd says so by its exit code.
  const { stdout } = await run('ldd', [file]).catch(() => ({ stdout: '' }));
  for (const [library] of stdout.matchAll(/\/[^ )]+/g)) {
    await mkdir(join(root, dirname(library)), { recursive: true });
    await cp(await realpath(library), join(root, library));
  }
}

/** nats-server and daprd are static: the binary that the other tests use is the whole image. */
async function binaryImage(binary: 'nats-server' | 'daprd'): Promise<string> {
  const path = await resolveBinary(binary);
  const hash = createHash('sha256')
    .update(await readFile(path))
    .digest('hex')
    .slice(0, 12);
  const name = `dapr-nats-jetstream-${binary}:${hash}`;
  if (await hasImage(name)) return name;
  await using folder = await workFolder();
  await cp(path, join(folder.path, binary));
  // Like the official images: ENTRYPOINT of nats, none of daprd, whose command is ./daprd.
  const lines = ['FROM scratch', `COPY ${binary} /${binary}`, 'WORKDIR /'];
  if (binary === 'nats-server') lines.push('ENTRYPOINT ["/nats-server"]');
  else lines.push('USER 65532:65532');
  await writeFile(join(folder.path, 'Dockerfile'), `${lines.join('\n')}\n`);
  await docker(['build', '--quiet', '--tag', name, folder.path], { env: { DOCKER_BUILDKIT: '0' } });
  return name;
}

async function workFolder(): Promise<{ path: string } & AsyncDisposable> {
  const path = await mkdtemp(join(tmpdir(), 'dnj-images-'));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

if (import.meta.main) {
  for (const [variable, name] of Object.entries(await localImages())) {
    console.log(`${variable}=${name}`);
  }
}
