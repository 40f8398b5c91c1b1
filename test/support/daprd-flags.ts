import { execFile } from 'node:child_process';

/** Unit: milliseconds. */
const helpLimit = 20_000;

/** What each daprd says of its options. */
const helpOf = new Map<string, Promise<string>>();

/** Whether this daprd knows an option: versions differ, and an unknown one keeps it from starting. */
export async function hasFlag(command: string, flag: string): Promise<boolean> {
  const help = helpOf.get(command) ?? readHelp(command);
  helpOf.set(command, help);
  // The older ones print a single dash.
  return new RegExp(`^\\s*-?${flag.replace(/^-/, '-?')}\\b`, 'm').test(await help);
}

/** @throws Error where it does not run, or prints nothing of use */
function readHelp(command: string): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(command, ['--help'], { timeout: helpLimit }, (error, stdout, stderr) => {
      const text = stdout + stderr;
      // Its exit code is not 0 in every version.
      if (/app-id/.test(text)) resolve(text);
      else reject(new Error(`${command} --help tells no options: ${error?.message ?? text}`));
    });
  });
}
