import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

/** Resident size of a process. Unit: MB. */
export async function residentSize(pid: number): Promise<number> {
  const { stdout } = await promisify(execFile)('ps', ['-o', 'rss=', '-p', `${pid}`]);
  return Math.round(Number(stdout) / 1024);
}
