import { execFile } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';

const root = join(import.meta.dirname, '../..');
const folder = join(root, '.github/workflows');
const manifest = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'));

interface Step {
  name?: string;
  uses?: string;
  run?: string;
  with?: Record<string, unknown>;
}

interface Job {
  needs?: string | string[];
  permissions?: Record<string, string>;
  'timeout-minutes'?: number;
  steps: Step[];
}

interface Workflow {
  on: Record<string, { tags?: string[]; branches?: string[] } | null>;
  permissions: Record<string, string>;
  jobs: Record<string, Job>;
}

const files = (await readdir(folder)).sort();
const text = (file: string) => readFile(join(folder, file), 'utf8');
const workflow = async (file: string): Promise<Workflow> =>
  parse(await text(file), { strict: true });

const stepsOf = ({ jobs }: Workflow) => Object.values(jobs).flatMap(({ steps }) => steps);

test('the workflows are these', () => {
  expect(files).toEqual(['ci.yaml', 'release.yaml']);
});

describe.each(files)('%s', (file) => {
  test('calls only scripts that package.json has, and files that are there', async () => {
    const scripts = stepsOf(await workflow(file)).map(({ run = '' }) => run);
    // What .ci/run calls counts too.
    const called = [...scripts, await readFile(join(root, '.ci/run'), 'utf8')].join('\n');
    const names = [...called.matchAll(/\bnpm run ([\w:-]+)/g)].map(([, name]) => name);
    if (/\bnpm test\b/.test(called)) names.push('test');
    expect(names).toContain('check');
    expect(Object.keys(manifest.scripts)).toEqual(expect.arrayContaining(names));
    for (const [path] of called.matchAll(/(?:\.ci|tools)\/[\w./-]+/g)) {
      await expect(readFile(join(root, path)), path).resolves.toBeDefined();
    }
  });

  test('names each action by its major version, and no registry', async () => {
    for (const { uses } of stepsOf(await workflow(file))) {
      if (uses !== undefined) expect(uses).toMatch(/^(actions|docker)\/[\w-]+@v\d+$/);
    }
    expect(await text(file)).not.toMatch(/docker\.io|ghcr|quay|registry\.npmjs|https?:/);
  });

  test('may do no more than it needs, and not for ever', async () => {
    const { permissions, jobs } = await workflow(file);
    expect(Object.values(permissions).filter((right) => right !== 'read')).toEqual([]);
    for (const [name, job] of Object.entries(jobs)) {
      expect(job['timeout-minutes'], name).toBeLessThanOrEqual(60);
    }
    const writes = Object.entries(jobs).flatMap(([name, job]) =>
      Object.entries(job.permissions ?? {})
        .filter(([, right]) => right === 'write')
        .map(([what]) => `${name}: ${what}`),
    );
    expect(writes).toEqual(
      file === 'release.yaml' ? ['package: id-token', 'announce: contents'] : [],
    );
  });

  test('puts nothing into a shell that somebody else could have written', async () => {
    for (const { run = '' } of stepsOf(await workflow(file))) expect(run).not.toContain('${{');
  });
});

test('ci runs the whole check on each push and pull request', async () => {
  const ci = await workflow('ci.yaml');
  expect(Object.keys(ci.on).sort()).toEqual(['pull_request', 'push']);
  expect(stepsOf(ci).map(({ run }) => run)).toContain('.ci/run');
});

describe('release.yaml', () => {
  const publishes = ({ run = '', with: options }: Step) =>
    options?.push === true || /\bnpm publish\b|\bgh release\b|docker push/.test(run);

  /** The job and everything that has to succeed before it. */
  const chain = ({ jobs }: Workflow, name: string): string[] => [
    name,
    ...[jobs[name]?.needs ?? []].flat().flatMap((before) => chain({ jobs } as Workflow, before)),
  ];

  test('runs for tags of versions alone', async () => {
    expect((await workflow('release.yaml')).on).toEqual({ push: { tags: ['v*'] } });
  });

  test('compares the tag, checks and tests before anything is published', async () => {
    const release = await workflow('release.yaml');
    const publishing = Object.keys(release.jobs).filter((name) =>
      release.jobs[name]?.steps.some(publishes),
    );
    expect(publishing).toEqual(['image', 'package', 'announce']);
    for (const name of publishing) expect(chain(release, name), name).toContain('check');
    const { steps = [] } = release.jobs.check ?? {};
    expect(steps.filter(publishes)).toEqual([]);
    const runs = steps.flatMap(({ run }) => run ?? []);
    expect(runs[0]).toContain('"$GITHUB_REF_NAME" != "v$version"');
    expect(runs.slice(1)).toEqual([
      expect.stringMatching(/^node tools\/changelog-section\.ts /),
      'npm ci',
      'npm run check',
      'npm test',
    ]);
  });

  test('refuses a tag that is not the version of package.json', async () => {
    const { check } = (await workflow('release.yaml')).jobs;
    const compare = check?.steps.find(({ run }) => run?.includes('GITHUB_REF_NAME'))?.run ?? '';
    const run = (tag: string) =>
      promisify(execFile)('bash', ['-e', '-c', compare], {
        cwd: root,
        env: { ...process.env, GITHUB_REF_NAME: tag },
      });
    await run(`v${manifest.version}`);
    for (const tag of ['v99.0.0', manifest.version, `v${manifest.version}-rc.1`, 'v']) {
      await expect(run(tag), tag).rejects.toMatchObject({
        code: 1,
        stderr: expect.stringContaining(`package.json says ${manifest.version}`),
      });
    }
  });

  test('publishes the image for both architectures, the package with its origin, the SBOM', async () => {
    const steps = stepsOf(await workflow('release.yaml'));
    const image = steps.find(({ uses }) => uses?.startsWith('docker/build-push-action'));
    expect(image?.with?.platforms).toBe('linux/amd64,linux/arm64');
    const runs = steps.flatMap(({ run }) => run ?? []).join('\n');
    expect(runs).toContain('npm publish --provenance');
    expect(runs).toMatch(/gh release create .*reports\/sbom\.cdx\.json/);
  });
});
