import { chmod, lstat, mkdir, mkdtemp, rename, rm, unlink } from 'node:fs/promises';
import { connect, type Server } from 'node:net';
import { platform } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ComponentError, messageOf } from '../errors.ts';

/** What sockaddr_un holds, less its closing zero: 107 bytes on Linux, 103 on macOS. */
const longestPath = platform() === 'darwin' ? 103 : 107;

/** How long creating the folder may take: below /proc, Node retries indefinitely. Unit: milliseconds. */
const folderLimit = 5_000;

/** How long a socket found at the path may take to answer. Unit: milliseconds. */
const probeLimit = 1_000;

/** Connections that wait to be accepted; Linux has 4,096 at most. Further ones fail at their client. */
const backlog = 4_096;

export interface SocketOptions {
  folder: string;
  /** File name without `.sock`. */
  name: string;
  /** Permission bits. */
  mode: number;
}

/** Returns the path of the socket, and what is wrong if the path is too long for the system. */
export function socketPath(folder: string, name: string): { path: string; tooLong?: string } {
  const path = join(resolve(folder), `${name}.sock`);
  // The subfolder's path is the longer one: "/.XXXXXX/s" against "/<name>.sock".
  const needed = Math.max(Buffer.byteLength(path), Buffer.byteLength(resolve(folder)) + 10);
  if (needed <= longestPath) return { path };
  return { path, tooLong: `its path is ${needed} bytes long and may have ${longestPath}` };
}

/**
 * Lets `server` listen at `<folder>/<name>.sock`.
 *
 * daprd reads the folder once, and blocks on a socket that nobody serves. So the file appears only when the server
 * answers: the server listens in a subfolder, which daprd skips, sets the mode of the file there, and renames it into
 * place. A socket that a dead process left behind is replaced.
 *
 * @returns the path; `inPlace()`, whether the file there is still this one; and `remove()`, which deletes it
 *   unless another process has taken its place
 * @throws ComponentError `invalid-config` for a path that cannot be used or is in use
 */
export async function listenAtSocket(
  server: Server,
  { folder, name, mode }: SocketOptions,
): Promise<{ path: string; inPlace(): Promise<boolean>; remove(): Promise<void> }> {
  const { path, tooLong } = socketPath(folder, name);
  if (tooLong) throw unusable(path, tooLong);
  const tooLate = sleep(folderLimit, undefined, { ref: false }).then(() => {
    throw new Error(`not within ${folderLimit / 1000} s`);
  });
  await Promise.race([mkdir(folder, { recursive: true }), tooLate]).catch((cause) => {
    throw unusable(path, `the folder cannot be made (${messageOf(cause)})`, cause);
  });
  await refuseIfTaken(path);
  // Not with join(), which drops the dot: the subfolder would be beside the folder, and that place may be
  // read-only or on another volume.
  const nest = await mkdtemp(`${resolve(folder)}/.`).catch((cause) => {
    throw unusable(path, `the folder cannot be written to (${messageOf(cause)})`, cause);
  });
  try {
    const hidden = join(nest, 's');
    await new Promise<void>((done, fail) => {
      server.once('error', fail);
      server.listen({ path: hidden, backlog }, () => {
        server.off('error', fail);
        done();
      });
    });
    await chmod(hidden, mode);
    await rename(hidden, path);
  } catch (cause) {
    server.close();
    throw unusable(path, messageOf(cause), cause);
  } finally {
    await rm(nest, { recursive: true, force: true });
  }
  const { ino } = await lstat(path);
  const inPlace = async () => (await lstat(path).catch(() => undefined))?.ino === ino;
  const remove = async () => {
    if (await inPlace()) await unlink(path).catch(() => undefined);
  };
  return { path, inPlace, remove };
}

async function refuseIfTaken(path: string): Promise<void> {
  const found = await lstat(path).catch(() => undefined);
  if (!found) return;
  if (!found.isSocket()) {
    throw unusable(path, 'something that is not a socket has that name; move it away');
  }
  const refusal = await connectTo(path);
  // Anything else may be a process that is alive and busy, or another user's.
  if (refusal === 'ECONNREFUSED' || refusal === 'ENOENT') return;
  const who = refusal === 'EACCES' ? 'another user has it' : 'another process serves it';
  throw unusable(path, `${who}; stop that one, or choose another --socket-name or --socket-folder`);
}

/** @returns the error code, or undefined when somebody took the connection or stayed silent */
function connectTo(path: string): Promise<string | undefined> {
  return new Promise((done) => {
    const probe = connect(path);
    const finish = (code?: string) => {
      probe.destroy();
      done(code);
    };
    probe.setTimeout(probeLimit, () => finish());
    probe.once('connect', () => finish());
    probe.once('error', ({ code }: NodeJS.ErrnoException) => finish(code));
  });
}

function unusable(path: string, why: string, cause?: unknown): ComponentError {
  return new ComponentError('invalid-config', `cannot listen on ${path}: ${why}`, { cause });
}
