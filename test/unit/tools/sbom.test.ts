import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { makeSbom } from '../../../tools/sbom.ts';

const root = join(import.meta.dirname, '../../..');

interface Locked {
  version: string;
  dependencies?: Record<string, string>;
  devDependencies?: Record<string, string>;
  optionalDependencies?: Record<string, string>;
}

/** Paths in the lock file of everything that these names lead to, found as Node finds packages. */
function closure(packages: Record<string, Locked>, names: string[]): Set<string> {
  const found = new Set<string>();
  const visit = (from: string, name: string) => {
    for (
      let folder = from;
      ;
      folder = folder.replace(/(^|\/)node_modules\/(@[^/]+\/)?[^/]+$/, '')
    ) {
      const path = `${folder}${folder && '/'}node_modules/${name}`;
      const at = packages[path];
      if (at) {
        if (found.has(path)) return;
        found.add(path);
        const next = { ...at.dependencies, ...at.optionalDependencies };
        for (const dependency of Object.keys(next)) visit(path, dependency);
        return;
      }
      if (folder === '') return;
    }
  };
  for (const name of names) visit('', name);
  return found;
}

test('the SBOM names each package of an installation, and none that only development needs', async () => {
  const { packages } = JSON.parse(await readFile(join(root, 'package-lock.json'), 'utf8'));
  const { dependencies, devDependencies } = packages[''] as Required<Locked>;
  const named = (paths: Iterable<string>) =>
    [...paths].map((path) => `${path.replace(/.*node_modules\//, '')}@${packages[path].version}`);
  const shipped = new Set(named(closure(packages, Object.keys(dependencies))));

  const sbom = JSON.parse(await makeSbom());
  const listed = sbom.components.map(
    ({ name, version }: { name: string; version: string }) => `${name}@${version}`,
  );
  expect(new Set(listed)).toEqual(shipped);
  for (const name of Object.keys(dependencies)) {
    expect(listed).toContain(`${name}@${packages[`node_modules/${name}`].version}`);
  }
  const development = Object.keys(devDependencies).map((name) => `node_modules/${name}`);
  for (const name of named(development).filter((name) => !shipped.has(name))) {
    expect(listed).not.toContain(name);
  }
  const { name, version } = sbom.metadata.component;
  expect({ name, version }).toEqual({ name: packages[''].name, version: packages[''].version });
}, 30_000);
