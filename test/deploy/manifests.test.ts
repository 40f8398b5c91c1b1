import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { glob, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { durableName } from '../../src/jetstream/names.ts';
import { resolveBinary } from '../../tools/binaries.ts';
import { goTest, goTestLimit } from '../support/go-test.ts';

const run = promisify(execFile);
const root = join(import.meta.dirname, '../..');
const folder = join(root, 'deploy/kubernetes');

/** What of this is Go. */
const what = "the manifests are tested by Dapr's injector and by Prometheus, which are Go";

test('types, references, and what the injector of Dapr makes of each pod', {
  timeout: goTestLimit + 10_000,
}, async () => {
  expect(await passed(import.meta.dirname)).toBeGreaterThan(15);
});

test('alerts and dashboard by the parser and the engine of Prometheus', {
  timeout: goTestLimit + 10_000,
}, async () => {
  expect(await passed(join(import.meta.dirname, 'prometheus'))).toBeGreaterThan(1);
});

/** Runs each Go test that is written in a folder; how many have passed, which all have to. */
async function passed(module: string): Promise<number> {
  const { code, output } = await goTest({ folder: module, what });
  expect(code, output).toBe(0);
  const seen = new Set([...output.matchAll(/^--- PASS: (\S+)/gm)].map(([, name]) => name));
  const written: string[] = [];
  for await (const file of glob('*_test.go', { cwd: module })) {
    const text = await readFile(join(module, file), 'utf8');
    written.push(...[...text.matchAll(/^func (Test\w+)/gm)].map(([, name = '']) => name));
  }
  expect(written.filter((name) => !seen.has(name))).toEqual([]);
  return written.length;
}

test('the component takes the Components and Subscriptions, and no field is without effect', async () => {
  const files: string[] = [];
  for await (const file of glob('**/*.yaml', { cwd: folder })) {
    const kinds = (await documents(file)).map(({ kind }) => kind);
    // The patch has no spec: what it is patched into is checked.
    if (file.endsWith('component-container.yaml')) continue;
    if (kinds.includes('Component') || kinds.includes('Subscription')) files.push(file);
  }
  expect(files.toSorted()).toEqual(['base/component.yaml', 'base/subscription.yaml']);
  const args = [join(root, 'src/main.ts'), 'check', ...files];
  const { stdout } = await run(process.execPath, args, { cwd: folder });
  expect(stdout).toContain('the metadata is valid');
  expect(stdout).toContain('not looked at, from a secret store: username, password');
  expect(stdout).not.toMatch(/^ +(warning|problem) /m);
  const [scaled] = await documents('keda/scaled-object.yaml');
  expect(stdout).toContain(
    `"${scaled.spec.triggers[0].metadata.consumer}", a durable pull consumer`,
  );
});

test('KEDA watches the consumer that the component makes for the app', async () => {
  const [component] = await documents('base/component.yaml');
  const [subscription] = await documents('base/subscription.yaml');
  const [scaled] = await documents('keda/scaled-object.yaml');
  const { value: consumerID } = component.spec.metadata.find(
    ({ name }: { name: string }) => name === 'consumerID',
  );
  const { consumer } = scaled.spec.triggers[0].metadata;
  expect(consumer).toBe(durableName(consumerID, subscription.spec.topic));
});

test('the images have the version of the package', async () => {
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const images: string[] = [];
  for await (const file of glob('**/*.{yaml,md}', { cwd: folder })) {
    const text = await readFile(join(folder, file), 'utf8');
    const found = text.matchAll(/dapr-nats-jetstream(?:-orders)?:(\d[\w.-]*)/g);
    for (const [image, tag] of found) {
      images.push(image);
      expect(tag, `${file}: ${image}`).toBe(version);
    }
  }
  // Three Deployments with the app, three containers of the component.
  expect(images.length).toBeGreaterThanOrEqual(6);
});

test('nats-server takes its configuration', async () => {
  const nats = await resolveBinary('nats-server');
  const [secret] = await documents('base/secret.example.yaml');
  const { username, password } = secret.stringData;
  const env = { POD_NAME: 'nats-0', ORDERS_USER: username, ORDERS_PASSWORD: password };
  const { stderr } = await run(nats, ['-t', '-c', join(folder, 'nats/nats.conf')], { env });
  expect(stderr).toContain('is valid');
});

// biome-ignore lint/suspicious/noExplicitAny: the Go tests hold the shape of each kind
async function documents(file: string): Promise<any[]> {
  const text = await readFile(join(folder, file), 'utf8');
  return parseAllDocuments(text).map((document) => document.toJS());
}
