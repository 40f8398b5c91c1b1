import type { ChildProcess } from 'node:child_process';
import { subscribe } from 'node:diagnostics_channel';

/** How long everything may take to end. Unit: milliseconds. */
const stopLimit = 15_000;

/**
 * At the first SIGINT or SIGTERM, asks every process that this one has started to end, and those
 * that it starts from then on; whoever waits for them fails, and `await using` cleans up. What is
 * left after 15 s is killed. A run that is to end must not begin anything new: it looks at the
 * signal that is returned.
 */
export function endAtSignals(): AbortSignal {
  const stop = new AbortController();
  const running = new Set<ChildProcess>();
  // Node reports each process as it is made, also those that are not ready yet, which no `await
  // using` knows of.
  subscribe('child_process', (message) => {
    const { process: child } = message as { process: ChildProcess };
    running.add(child);
    child.once('exit', () => running.delete(child));
    child.once('spawn', () => {
      if (stop.signal.aborted) child.kill('SIGTERM');
    });
  });
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    process.on(name, () => {
      // A terminal and npm may both send it.
      if (stop.signal.aborted) return;
      process.stderr.write('\nstopping\n');
      stop.abort(new Error(`stopped by ${name}`));
      for (const child of running) child.kill('SIGTERM');
      setTimeout(() => {
        for (const child of running) child.kill('SIGKILL');
        process.exit(1);
      }, stopLimit).unref();
    });
  }
  return stop.signal;
}
