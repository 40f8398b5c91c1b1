import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

const root = join(import.meta.dirname, '../..');

export interface Documented {
  page: string;
  /** One line without its comment; a whole block where that starts something beside what follows. */
  command: string;
}

/** What starts something beside the lines that follow it, which need it: they only work together. */
export const background = /^[^#\n]* &$/m;

/** What the `sh` blocks of the documentation give their reader to run. */
export async function documented(): Promise<Documented[]> {
  const pages = ['README.md', 'deploy/kubernetes/README.md'];
  for (const name of await readdir(join(root, 'docs')))
    if (name.endsWith('.md')) pages.push(`docs/${name}`);
  const found: Documented[] = [];
  for (const page of pages) {
    const text = await readFile(join(root, page), 'utf8');
    for (const [, block = ''] of text.matchAll(/^ *```(?:sh|bash)\n([\s\S]*?)^ *```/gm)) {
      const lines = block.split('\n').map((line) => line.replace(/\s+#.*$/, '').trim());
      const commands = lines.filter((line) => line !== '');
      const whole = commands.join('\n');
      for (const command of background.test(whole) ? [whole] : commands)
        found.push({ page, command });
    }
  }
  return found;
}
