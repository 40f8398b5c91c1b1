import { readFile } from 'node:fs/promises';

/** Linux counts CPU time in these. Unit: 1/s. */
const ticks = 100;

/** Returns the CPU time of a process since it started, in user and kernel mode. Unit: seconds. */
export async function cpuSeconds(pid: number): Promise<number> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8');
  // The command may hold spaces; what follows its parenthesis does not.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / ticks;
}

/** System calls of a process since it started, sockets and all other files included. */
export interface IoCalls {
  /** read, readv and pread; not recvmsg, which neither Node nor Go uses for stream sockets. */
  reads: number;
  /** write, writev and pwrite. */
  writes: number;
}

/** Returns undefined where the kernel does not count the calls. */
export async function ioCalls(pid: number): Promise<IoCalls | undefined> {
  return parseIoCalls(await readFile(`/proc/${pid}/io`, 'utf8').catch(() => ''));
}

/** @param text of /proc/PID/io */
export function parseIoCalls(text: string): IoCalls | undefined {
  const [reads, writes] = ['syscr', 'syscw'].map(
    (name) => new RegExp(`^${name}: (\\d+)$`, 'm').exec(text)?.[1],
  );
  if (reads === undefined || writes === undefined) return undefined;
  return { reads: Number(reads), writes: Number(writes) };
}

/** What the machine's CPUs have done since it booted. Unit: ticks. */
export interface MachineTicks {
  /** Given by the hypervisor to other machines while this one had something to run. */
  steal: number;
  total: number;
}

export async function machineTicks(): Promise<MachineTicks> {
  return parseMachineTicks(await readFile('/proc/stat', 'utf8'));
}

/** @param text of /proc/stat, whose first line is about all CPUs */
export function parseMachineTicks(text: string): MachineTicks {
  // user, nice, system, idle, iowait, irq, softirq, steal; the guests' after these are in user and nice.
  const fields = /^cpu +(.*)/.exec(text)?.[1]?.split(' ').slice(0, 8).map(Number) ?? [];
  const steal = fields[7];
  if (steal === undefined || fields.some(Number.isNaN))
    throw new Error('/proc/stat does not begin with the time of all CPUs');
  return { steal, total: fields.reduce((sum, ticks) => sum + ticks, 0) };
}

/** Returns the share of the CPU time that was stolen between two moments, from 0 to 1. */
export function stealBetween(before: MachineTicks, after: MachineTicks): number {
  const total = after.total - before.total;
  return total > 0 ? (after.steal - before.steal) / total : 0;
}

/** Returns the largest resident size of a process since it started. Unit: MB, whole. */
export async function peakResident(pid: number): Promise<number> {
  return Math.round(await status(pid, 'VmHWM'));
}

/** Returns the resident size of a process now. Unit: MB, to the kilobyte. */
export function residentNow(pid: number): Promise<number> {
  return status(pid, 'VmRSS');
}

/** Returns a size of a process from /proc, where it is in kilobytes. Unit: MB. */
async function status(pid: number, field: 'VmHWM' | 'VmRSS'): Promise<number> {
  const text = await readFile(`/proc/${pid}/status`, 'utf8');
  // A process that has just ended still has the file, and no memory.
  const kilobytes = new RegExp(`^${field}:\\s+(\\d+)`, 'm').exec(text)?.[1];
  if (kilobytes === undefined) throw new Error(`process ${pid} has ended`);
  return Number(kilobytes) / 1024;
}
