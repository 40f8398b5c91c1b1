import { randomUUID } from 'node:crypto';
import {
  mkdirSync,
  readdirSync,
  renameSync,
  rmdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const pollMs = 200;

/**
 * Takes a lock that keeps processes of one user from doing the same slow thing at once.
 *
 * The lock is a folder at `path` holding one file, named after its owner. It is taken by
 * renaming a ready-made folder onto `path`, which the file system refuses while an owner's file
 * is in there; a dead owner is evicted by deleting exactly its file. Both steps are atomic, so no
 * interleaving of takers, releasers and evictors yields two owners.
 *
 * Plain JavaScript because setup.mjs needs it on a Node that cannot strip types yet.
 *
 * @param {string} path where the lock folder is made; its parent must exist
 * @param {object} options
 * @param {number} options.holdMs longest that any owner holds the lock, in milliseconds. An owner
 *   older than this counts as dead even when its process id is in use, so no wait is endless.
 * @param {() => void} [options.onWait] called once if the lock is not free at first sight
 * @returns {Promise<() => void>} the function that releases the lock
 * @throws the file system's error when `path` cannot be written
 */
export async function acquireLock(path, { holdMs, onWait = () => {} }) {
  const owner = `${hostname()}.${process.pid}.${randomUUID()}`;
  let waited = false;
  while (isHeld(path, holdMs) || !take(path, owner)) {
    if (!waited) onWait();
    waited = true;
    await sleep(pollMs);
  }
  return () => release(path, owner);
}

/** Evicts dead owners and says whether a living one is left. */
function isHeld(path, holdMs) {
  let held = false;
  for (const owner of listOwners(path)) {
    if (isAlive(join(path, owner), owner, holdMs)) held = true;
    else rmSync(join(path, owner), { force: true });
  }
  return held;
}

function listOwners(path) {
  try {
    return readdirSync(path);
  } catch (error) {
    if (error.code === 'ENOENT') return [];
    throw error;
  }
}

function isAlive(file, owner, holdMs) {
  const taken = statSync(file, { throwIfNoEntry: false })?.mtimeMs;
  if (taken === undefined || Date.now() - taken > holdMs) return false;
  const [, host, pid] = /^(.*)\.(\d+)\.[^.]+$/.exec(owner) ?? [];
  // A process id says nothing across hosts or containers that share a home folder.
  if (host !== hostname()) return true;
  try {
    process.kill(Number(pid), 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

function take(path, owner) {
  const claim = `${path}.${owner}`;
  mkdirSync(claim);
  try {
    writeFileSync(join(claim, owner), '');
    renameSync(claim, path);
    return true;
  } catch (error) {
    rmSync(claim, { recursive: true, force: true });
    if (error.code === 'ENOTEMPTY' || error.code === 'EEXIST') return false;
    throw error;
  }
}

function release(path, owner) {
  rmSync(join(path, owner), { force: true });
  try {
    rmdirSync(path);
  } catch {
    // The next owner has moved in already, or has come and gone.
  }
}
