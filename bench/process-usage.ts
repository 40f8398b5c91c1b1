import { readFile } from 'node:fs/promises';

/** Linux counts CPU time in these. Unit: 1/s. */
const ticks = 100;

/** CPU time a process has used since it started, in user and kernel mode. Unit: seconds. */
export async function cpuSeconds(pid: number): Promise<number> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8');
  // The command may hold spaces; what follows its parenthesis does not.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / ticks;
}

/** Most memory a process has had resident since it started. Unit: MB, whole. */
export async function peakResident(pid: number): Promise<number> {
  return Math.round(await status(pid, 'VmHWM'));
}

/** Memory a process has resident now. Unit: MB, to the kilobyte. */
export function residentNow(pid: number): Promise<number> {
  return status(pid, 'VmRSS');
}

/** A size the kernel tells of a process, which it gives in kilobytes. Unit: MB. */
async function status(pid: number, field: 'VmHWM' | 'VmRSS'): Promise<number> {
  const text = await readFile(`/proc/${pid}/status`, 'utf8');
  // A process that has just ended still has the file, and no memory.
  const kilobytes = new RegExp(`^${field}:\\s+(\\d+)`, 'm').exec(text)?.[1];
  if (kilobytes === undefined) throw new Error(`process ${pid} has ended`);
  return Number(kilobytes) / 1024;
}
