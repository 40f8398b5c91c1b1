import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** What a Go module under tools/ pins: one command, at one version. */
export interface GoPin {
  /** Import path of the command's package, from the `tool` directive. */
  packagePath: string;
  /** Version of the module that holds the package, without the leading `v`. */
  version: string;
  /** Oldest Go that can build it, such as `1.26.5`. */
  goVersion: string;
}

/**
 * Reads the pin from the go.mod in `folder`. That file is the only place where a version is
 * written down; everything else (cache paths, messages, linker flags) derives from it.
 *
 * @throws Error when go.mod is missing or lacks a `go`, `tool` or matching `require` directive
 */
export async function readGoPin(folder: string): Promise<GoPin> {
  const file = join(folder, 'go.mod');
  const text = await readFile(file, 'utf8');
  const goVersion = /^go\s+(\S+)/m.exec(text)?.[1];
  const packagePath = /^tool\s+([^\s(]+)/m.exec(text)?.[1];
  if (!goVersion || !packagePath) {
    throw new Error(`${file} needs a \`go\` line and a one-line \`tool\` directive`);
  }
  const version = requiredVersion(text, packagePath);
  if (!version) {
    throw new Error(`${file} requires no module that holds ${packagePath}`);
  }
  return { packagePath, version, goVersion };
}

/** Version of the required module whose path is the longest prefix of the package's path. */
function requiredVersion(text: string, packagePath: string): string | undefined {
  // A replace line has `=>` where a require line has its version, so it does not match.
  const requirements = text.matchAll(/^(?:require)?\s*([^\s=]+)\s+v(\d\S*)/gm);
  let best: { path: string; version: string } | undefined;
  for (const [, path = '', version = ''] of requirements) {
    const holds = packagePath === path || packagePath.startsWith(`${path}/`);
    if (holds && path.length > (best?.path.length ?? 0)) best = { path, version };
  }
  return best?.version;
}
