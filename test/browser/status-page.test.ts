import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startBrowser } from '../support/browser.ts';
import type { Host } from '../support/host.ts';
import { type Pair, startPair } from '../support/pair.ts';
import { freePort } from '../support/ports.ts';

/** What a person sees who has this page open. */
let browser: Browser;
beforeAll(async () => {
  browser = await startBrowser();
});
afterAll(() => browser.close());

async function start(): Promise<Pair & { url: string; pubsub: Host }> {
  const port = await freePort();
  const pair = await startPair({ component: { args: ['--http-port', `${port}`] } });
  await pair.nats.stream('ORDERS', 'orders.>');
  const pubsub = await pair.host({ durableName: 'shop', consumerID: 'checkout' });
  return Object.assign(pair, { url: `http://127.0.0.1:${port}`, pubsub });
}

/** Publishes without a pause until it is told to stop. */
function load(host: Host, topic: string): { stop(): Promise<void> } {
  let going = true;
  const run = async () => {
    while (going) {
      await Promise.all(Array.from({ length: 10 }, () => host.publish(topic, 'x')));
      await new Promise((done) => setTimeout(done, 20));
    }
  };
  const running = run();
  return {
    async stop() {
      going = false;
      await running;
    },
  };
}

async function open(
  url: string,
  { width = 1280, scripts = true } = {},
): Promise<Page & AsyncDisposable> {
  const context = await browser.newContext({
    viewport: { width, height: 900 },
    javaScriptEnabled: scripts,
  });
  const page = await context.newPage();
  const problems: string[] = [];
  page.on('pageerror', (error) => problems.push(error.message));
  page.on('console', (message) => {
    if (message.type() === 'error') problems.push(message.text());
  });
  page.on('request', (request) => {
    if (!request.url().startsWith(url)) problems.push(`asked for ${request.url()}`);
  });
  await page.goto(url);
  return Object.assign(page, {
    async [Symbol.asyncDispose]() {
      await context.close();
      expect(problems).toEqual([]);
    },
  });
}

test('it shows connections, Components and subscriptions, and goes on by itself', async () => {
  await using shop = await start();
  const orders = shop.pubsub.subscribe('orders.new');
  orders.ackAll();
  shop.pubsub.subscribe('payments');
  await using page = await open(shop.url);
  await page.getByRole('heading', { name: 'pubsub of checkout' }).waitFor();
  const row = page.getByRole('row').filter({ hasText: 'orders.new' });
  await row.getByText('delivering').waitFor();
  await row.getByText('ORDERS / shop (pull)').waitFor();
  const broken = page.getByRole('row').filter({ hasText: 'payments' });
  await broken.getByText('binding').waitFor();
  await broken.getByText('no stream takes the subject').waitFor();

  const traffic = load(shop.pubsub, 'orders.new');
  const chart = row.getByRole('img', { name: /deliveries of orders.new a second .* now [1-9]/ });
  await chart.waitFor({ timeout: 15_000 });
  await expect.poll(() => chart.locator('polyline').count(), { timeout: 10_000 }).toBe(1);
  await traffic.stop();
  await screenshot(page, 'wide');

  await shop.nats.stop();
  await page.getByText('not connected', { exact: true }).waitFor({ timeout: 10_000 });
  await row.getByText('not connected to NATS').waitFor();
  await shop.nats.startAgain();
  await page.getByText('1 reconnect').waitFor({ timeout: 10_000 });
}, 60_000);

test('it says so when the process is gone', async () => {
  await using shop = await start();
  {
    await using page = await open(shop.url).then((opened) =>
      // What the browser says of the failed request is what is wanted here.
      Object.assign(opened, { [Symbol.asyncDispose]: () => opened.context().close() }),
    );
    await shop.component.end();
    await page.getByText('no answer since').waitFor({ timeout: 15_000 });
    await page.getByRole('heading', { name: 'pubsub of checkout' }).waitFor();
  }
});

test('without scripts it says as much', async () => {
  await using shop = await start();
  shop.pubsub.subscribe('orders.new').ackAll();
  await shop.pubsub.publish('orders.new', 'x');
  await expect
    .poll(async () => (await fetch(shop.url)).text(), { timeout: 10_000 })
    .toContain('delivering');
  await using page = await open(shop.url, { scripts: false });
  await page.getByRole('row').filter({ hasText: 'orders.new' }).getByText('delivering').waitFor();
  expect(await page.locator('meta[http-equiv=refresh]').getAttribute('content')).toBe('10');
});

test.each([360, 390, 800, 1280])('nothing is cut off at a width of %i', async (width) => {
  await using shop = await start();
  shop.pubsub.subscribe(`orders.${'a-very-long-topic-name.'.repeat(6)}end`).ackAll();
  shop.pubsub.subscribe('payments');
  await expect
    .poll(async () => (await fetch(shop.url)).text(), { timeout: 10_000 })
    .toContain('delivering');
  await using page = await open(shop.url, { width });
  await page.getByText('no stream takes the subject').waitFor();
  const overflow = await page.evaluate<number>(
    'document.documentElement.scrollWidth - document.documentElement.clientWidth',
  );
  expect(overflow).toBe(0);
  await screenshot(page, `width-${width}`);
});

/** For a person to look at: SCREENSHOTS names the folder. */
async function screenshot(page: Page, name: string): Promise<void> {
  const folder = process.env.SCREENSHOTS;
  if (folder) await page.screenshot({ path: `${folder}/${name}.png`, fullPage: true });
}
