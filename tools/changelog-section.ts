/**
 * `node tools/changelog-section.ts VERSION`: prints what CHANGELOG.md says of a version, without its
 * heading, which is the text of its release. Exit status 1 where it says nothing.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

if (import.meta.main) {
  const [version = ''] = process.argv.slice(2);
  const changelog = await readFile(join(import.meta.dirname, '../CHANGELOG.md'), 'utf8');
  try {
    console.log(changelogSection(changelog, version));
  } catch (error) {
    console.error((error as Error).message);
    process.exitCode = 1;
  }
}

/**
 * @param version as in `## [1.2.3] - 2030-01-31`, without the brackets; `Unreleased` works too
 * @throws Error where there is no such section, or nothing in it
 */
export function changelogSection(changelog: string, version: string): string {
  const [, ...sections] = changelog.split(/^## /m);
  const section = sections.find((text) => text.startsWith(`[${version}]`));
  if (section === undefined) {
    const have = changelogVersions(changelog).join(', ');
    throw new Error(
      `CHANGELOG.md has no section "## [${version}]", only ${have}: rename [Unreleased], add the date`,
    );
  }
  const body = section.slice(section.indexOf('\n') + 1).trim();
  if (body === '') throw new Error(`CHANGELOG.md says nothing of ${version}: say what is new`);
  return body;
}

/** The names of all sections, the newest first. */
export function changelogVersions(changelog: string): string[] {
  return [...changelog.matchAll(/^## \[([^\]]+)\]/gm)].map(([, version = '']) => version);
}
