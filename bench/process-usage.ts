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

/** Most memory a process has had resident since it started, or since {@link forgetPeak}. Unit: MB. */
export async function peakResident(pid: number): Promise<number> {
  const text = await readFile(`/proc/${pid}/status`, 'utf8');
  return Math.round(Number(/^VmHWM:\s+(\d+)/m.exec(text)?.[1]) / 1024);
}
