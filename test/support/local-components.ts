import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** components/pubsub.yaml in a folder of its own below `folder`, with the address of this test's server. */
export async function localComponents(natsURL: string, folder: string): Promise<string> {
  const target = join(folder, 'components');
  await mkdir(target);
  const file = join(import.meta.dirname, '../../components/pubsub.yaml');
  const shown = await readFile(file, 'utf8');
  const here = shown.replace('nats://localhost:4222', natsURL);
  if (here === shown) throw new Error(`${file} no longer has the address that is replaced`);
  await writeFile(join(target, 'pubsub.yaml'), here);
  return target;
}
