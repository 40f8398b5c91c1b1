/**
 * `npm run sbom`: writes reports/sbom.cdx.json, which names in CycloneDX each package that is installed
 * with this one, at the version that package-lock.json pins. Needs npm and no network.
 */
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

const root = join(import.meta.dirname, '..');

/** Unit: milliseconds. */
const npmLimit = 60_000;

/** An SBOM of some hundred packages has a few hundred kilobytes. Unit: bytes. */
const mostOutput = 16 * 1024 * 1024;

if (import.meta.main) {
  const path = join(root, 'reports/sbom.cdx.json');
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, await makeSbom());
  console.log(path);
}

/**
 * `npm sbom --omit dev` leaves out what a development dependency needs too, @grpc/grpc-js for one. So npm
 * is shown a package that has no development dependencies. Its folder has the name of the package,
 * which npm takes for the name of the component.
 *
 * @returns the text of the SBOM
 */
export async function makeSbom(): Promise<string> {
  const manifest = await readJson('package.json');
  const lock = await readJson('package-lock.json');
  delete manifest.devDependencies;
  delete lock.packages[''].devDependencies;
  const temporary = await mkdtemp(join(tmpdir(), 'sbom-'));
  try {
    const folder = join(temporary, manifest.name);
    await mkdir(folder);
    await writeFile(join(folder, 'package.json'), JSON.stringify(manifest));
    await writeFile(join(folder, 'package-lock.json'), JSON.stringify(lock));
    const args = ['sbom', '--package-lock-only', '--sbom-format', 'cyclonedx'];
    const { stdout } = await promisify(execFile)('npm', [...args, '--sbom-type', 'application'], {
      cwd: folder,
      timeout: npmLimit,
      maxBuffer: mostOutput,
    });
    return stdout;
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

// biome-ignore lint/suspicious/noExplicitAny: npm's own files
async function readJson(name: string): Promise<any> {
  return JSON.parse(await readFile(join(root, name), 'utf8'));
}
