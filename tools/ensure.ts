/**
 * `node tools/ensure.ts <tool>...`: sees to it that third-party binaries are on this machine,
 * building those that are not. Silent when all are there. Exit status: 0 when all can be used,
 * 1 when one cannot be had, 2 when the arguments make no sense.
 */
import { ensureBinary, InterruptedError, MissingBinaryError } from './binaries.ts';
import { binaryNames, isBinaryName } from './catalogue.ts';
import { showProgress } from './progress.ts';

process.exitCode = await ensureAll(process.argv.slice(2));

async function ensureAll(names: readonly string[]): Promise<number> {
  const known = names.filter(isBinaryName);
  if (known.length < names.length || names.length === 0) {
    const unknown = names.filter((name) => !isBinaryName(name)).join(', ');
    console.error(
      (unknown ? `unknown tool: ${unknown}` : 'no tool named') +
        `\nusage: node tools/ensure.ts <tool>..., where a tool is ${binaryNames.join(', ')}`,
    );
    return 2;
  }
  const onProgress = showProgress(process.stderr);
  let status = 0;
  for (const name of known) {
    try {
      await ensureBinary(name, { onProgress });
    } catch (error) {
      if (error instanceof InterruptedError) {
        // Ends this process the way the signal would have, which is what npm and shells look at.
        process.kill(process.pid, error.signal);
        return 1;
      }
      if (!(error instanceof MissingBinaryError)) throw error;
      // Goes on, so that one run tells of everything that is missing.
      console.error(error.message);
      status = 1;
    }
  }
  return status;
}
