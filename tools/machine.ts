import { cpus, release, totalmem, type } from 'node:os';
import { join } from 'node:path';
import { readGoPin } from './go-module.ts';

/** What a measurement was made on and with, in one line. */
export async function describeMachine(): Promise<string> {
  const [daprd, nats] = await Promise.all(
    ['daprd', 'nats-server'].map((module) => readGoPin(join(import.meta.dirname, module))),
  );
  const [cpu] = cpus();
  const memory = Math.round(totalmem() / 2 ** 30);
  return (
    `${cpus().length} × ${cpu?.model.trim()}, ${memory} GiB, ${type()} ${release()}; ` +
    `Node ${process.versions.node}, daprd ${daprd?.version}, nats-server ${nats?.version}`
  );
}
