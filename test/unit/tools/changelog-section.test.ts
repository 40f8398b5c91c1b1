import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { changelogSection, changelogVersions } from '../../../tools/changelog-section.ts';

const root = join(import.meta.dirname, '../../..');

const changelog = `# Changelog

Some words.

## [Unreleased]

## [1.10.0] - 2030-02-01

### Added

- This, and [that](docs/that.md).

### Fixed

- \`## [1.0.0]\` in a line is no heading.

## [1.1.0] - 2030-01-01

### Changed

- Something.
`;

test('a section goes from its heading to the next one', () => {
  expect(changelogSection(changelog, '1.10.0')).toBe(
    '### Added\n\n- This, and [that](docs/that.md).\n\n### Fixed\n\n- `## [1.0.0]` in a line is no heading.',
  );
  expect(changelogSection(changelog, '1.1.0')).toBe('### Changed\n\n- Something.');
  expect(changelogVersions(changelog)).toEqual(['Unreleased', '1.10.0', '1.1.0']);
});

test('a version is found by its whole name', () => {
  for (const version of ['1.1', '1.10', '10.0', '1.0.0', '', '2.0.0']) {
    expect(() => changelogSection(changelog, version), version).toThrow(
      `no section "## [${version}]"`,
    );
  }
});

test('an empty section is none', () => {
  expect(() => changelogSection(changelog, 'Unreleased')).toThrow('says nothing of Unreleased');
});

test('the command prints a section of CHANGELOG.md, or ends with 1', async () => {
  const run = (version: string) =>
    promisify(execFile)(process.execPath, ['tools/changelog-section.ts', version], { cwd: root });
  const [newest = ''] = changelogVersions(await readFile(join(root, 'CHANGELOG.md'), 'utf8'));
  expect((await run(newest)).stdout).toMatch(/^### (Added|Changed|Fixed)\n/);
  await expect(run('99.0.0')).rejects.toMatchObject({
    code: 1,
    stdout: '',
    stderr: expect.stringContaining('rename [Unreleased]'),
  });
});

test('CHANGELOG.md has the form that the release needs', async () => {
  const [top, ...released] = changelogVersions(await readFile(join(root, 'CHANGELOG.md'), 'utf8'));
  expect(top).toMatch(/^(Unreleased|\d+\.\d+\.\d+)$/);
  for (const version of released) expect(version).toMatch(/^\d+\.\d+\.\d+$/);
});
