import { type Browser, chromium } from 'playwright-core';
import { findOnPath } from '../../tools/search.ts';

const names = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable', 'chrome'];

/** The machine's own Chromium, without a window. */
export async function startBrowser(): Promise<Browser> {
  return chromium.launch({
    executablePath: await findBrowser(),
    args: [
      // Pages here are of this project's making only, and root cannot have a sandbox.
      '--no-sandbox',
      '--disable-gpu',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
}

/** @throws Error that says how to get one */
async function findBrowser(): Promise<string> {
  const explicit = process.env.CHROMIUM_BIN;
  if (explicit) return explicit;
  for (const name of names) {
    const found = await findOnPath(name, process.env);
    if (found) return found;
  }
  throw new Error(
    `no Chromium: looked in CHROMIUM_BIN and for ${names.join(', ')} on PATH. Install it (Debian and ` +
      'Ubuntu: apt-get install chromium) or set CHROMIUM_BIN to its path',
  );
}
