import type { BuildProgress } from './binaries.ts';

const quietIntervalMs = 15_000;

/** The part of a stream such as stderr that progress is shown on. */
export interface ProgressStream {
  isTTY?: boolean;
  columns?: number;
  write(text: string): unknown;
}

/**
 * Makes an `onProgress` that shows builds on `stream`: on a terminal as one line that keeps
 * changing, elsewhere as a line at the start, every 15 seconds and at the end.
 */
export function showProgress(stream: ProgressStream): (progress: BuildProgress) => void {
  const live = stream.isTTY === true && process.env.TERM !== 'dumb';
  let nextAtMs = 0;
  let announced: string | undefined;

  return (progress) => {
    const { name, version, phase, elapsedMs } = progress;
    const what = `${name} ${version}`;
    // Wipes the changing line, so that what comes next starts on a clean one.
    const wipe = live ? '\r\x1b[2K' : '';
    if (phase === 'waiting') {
      stream.write(`${what} is being built by another process: waiting for it\n`);
    } else if (phase === 'built') {
      stream.write(`${wipe}built ${what} in ${seconds(elapsedMs)}\n`);
    } else if (phase === 'failed') {
      stream.write(wipe);
    } else if (announced !== what) {
      announced = what;
      nextAtMs = quietIntervalMs;
      stream.write(`building ${what} from source, which takes minutes but happens only once\n`);
    } else if (live) {
      const line = `${what}: ${describe(progress)}`;
      // A line that wraps could not be wiped.
      stream.write(wipe + line.slice(0, (stream.columns || 80) - 1));
    } else if (elapsedMs >= nextAtMs) {
      nextAtMs += quietIntervalMs;
      stream.write(`${what}: ${describe(progress)}\n`);
    }
  };
}

function describe({ elapsedMs, downloaded, compiled }: BuildProgress): string {
  const counts = `${downloaded} modules downloaded, ${compiled} packages compiled`;
  return `${seconds(elapsedMs)}, ${counts}`;
}

function seconds(elapsedMs: number): string {
  return `${Math.round(elapsedMs / 1000)} s`;
}
