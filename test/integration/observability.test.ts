import { once } from 'node:events';
import { access, link, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { createServer, request } from 'node:http';
import { connect } from 'node:net';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { metrics } from '../../src/http/metrics.ts';
import { Child } from '../support/child.ts';
import { startComponent } from '../support/component.ts';
import { Flow } from '../support/flow.ts';
import { Host } from '../support/host.ts';
import { type Pair, startPair } from '../support/pair.ts';
import { freePort } from '../support/ports.ts';
import { TcpRelay } from '../support/relay.ts';
import { residentSize } from '../support/resident.ts';
import { temporaryFolder } from '../support/temp.ts';
import { until } from '../support/wait.ts';

const metadata = { durableName: 'orders', ackWait: '300ms', maxDeliver: '3', backOff: '' };

async function start(): Promise<Pair & { url: string }> {
  const port = await freePort();
  const pair = await startPair({ component: { args: ['--http-port', `${port}`] } });
  return Object.assign(pair, { url: `http://127.0.0.1:${port}` });
}

async function get(url: string): Promise<{ status: number; text: string }> {
  const response = await fetch(url);
  return { status: response.status, text: await response.text() };
}

/** The value of one series, named as in the text, without prefix; undefined where it is not there. */
async function sample(url: string, series: string): Promise<number | undefined> {
  const { text } = await get(`${url}/metrics`);
  const lines = text.split('\n').filter((line) => !line.startsWith('#'));
  const names = lines.map((line) => line.slice(0, line.lastIndexOf(' ')));
  expect(
    names.filter((name) => name !== ''),
    'each series once',
  ).toEqual([...new Set(names.filter((name) => name !== ''))]);
  const line = lines.find((each) => each.startsWith(`dapr_nats_jetstream_${series} `));
  return line === undefined ? undefined : Number(line.slice(line.lastIndexOf(' ')));
}

function becomes(url: string, series: string, value: number): Promise<unknown> {
  return until(`${series} ${value}`, async () => (await sample(url, series)) === value, 15_000);
}

const of = (labels = '') => `{component="pubsub",app="app",topic="orders"${labels}}`;
const publisher = '{component="pubsub",app="app"}';

test('under load every metric of the documentation is there, with a help text and a type', async () => {
  await using pair = await start();
  await pair.nats.stream('ORDERS', 'orders');
  const host = await pair.host();
  const subscription = host.subscribe('orders');
  subscription.ackAll();
  await using flow = new Flow(host, 'orders');
  await flow.more(50);
  await becomes(pair.url, `subscription_state${of(',state="delivering"')}`, 1);
  await until('the backlog', () =>
    sample(pair.url, `consumer_pending${of()}`).then((n) => n !== undefined),
  );
  const { text } = await get(`${pair.url}/metrics`);
  const page = await readFile(join(import.meta.dirname, '../../docs/operations.md'), 'utf8');
  const documented = [...page.matchAll(/^\| `(dapr_nats_jetstream_\w+)` \|/gm)].map(
    ([, name]) => name,
  );
  expect(documented).toEqual(metrics.map(({ name }) => name));
  for (const { name, type, labels } of metrics) {
    expect(text).toMatch(new RegExp(`^# HELP ${name} .+\\.$`, 'm'));
    expect(text).toContain(`# TYPE ${name} ${type}\n`);
    const series = type === 'histogram' ? `${name}_count` : name;
    const declared = labels.map((label) => `${label}="[^"]+"`).join(',');
    expect(text, name).toMatch(new RegExp(`^${series}${declared && `\\{${declared}\\}`} \\d`, 'm'));
  }
  for (const [, name = ''] of page.matchAll(/`((?:process|nodejs)_\w+)`/g))
    expect(text).toContain(`\n${name} `);
  const others = text
    .match(/^dapr_nats_jetstream_[a-z_]+/gm)
    ?.map((name) => name.replace(/_(bucket|sum|count)$/, ''));
  expect([...new Set(others)].filter((name) => !documented.includes(name))).toEqual([]);
  await flow.arrived(subscription);
});

test('publishes are counted as the stream has answered them', async () => {
  await using pair = await start();
  await pair.nats.stream('ORDERS', 'orders');
  const host = await pair.host();
  for (const msgId of ['a', 'b', 'b']) await host.publish('orders', 'x', { msgId });
  expect(await sample(pair.url, `publish_ack_seconds_count${publisher}`)).toBe(3);
  expect(await sample(pair.url, `publishes_duplicate_total${publisher}`)).toBe(1);
  expect(
    await sample(pair.url, `publish_ack_seconds_bucket{component="pubsub",app="app",le="10"}`),
  ).toBe(3);
  const refused = host.publish('nowhere', 'x');
  await expect(refused).rejects.toThrow('no stream');
  expect(await sample(pair.url, `publish_ack_seconds_count${publisher}`)).toBe(3);
});

test('what becomes of a message is counted: refused, redelivered, kept alive, dead', async () => {
  await using pair = await start();
  await pair.nats.stream('ORDERS', 'orders');
  await pair.nats.stream('DEAD', 'dead');
  const host = await pair.host({ deadLetterSubject: 'dead' });
  const subscription = host.subscribe('orders', metadata);
  await host.publish('orders', 'first');
  await host.publish('orders', 'second');
  await subscription.received(2);
  // The second waits its turn meanwhile.
  await until('in-progress signals', async () => {
    return ((await sample(pair.url, `in_progress_total${of()}`)) ?? 0) > 0;
  });
  expect(await sample(pair.url, `in_flight${of()}`)).toBe(2);
  await becomes(pair.url, `consumer_ack_pending${of()}`, 2);
  subscription.onMessage = ({ id }) => subscription.nak(id);
  for (const { id } of subscription.messages) subscription.nak(id);
  await becomes(pair.url, `dead_letters_total${of(',reason="refused"')}`, 2);
  expect(await sample(pair.url, `naks_total${of(',reason="refused"')}`)).toBe(4);
  expect(await sample(pair.url, `redeliveries_total${of()}`)).toBeGreaterThanOrEqual(4);
  expect(await sample(pair.url, `in_flight${of()}`)).toBe(0);
  expect(await sample(pair.url, `terms_total${of(',reason="refused"')}`)).toBe(0);
});

test('what has no dead letter subject is counted as given up', async () => {
  await using pair = await start();
  await pair.nats.stream('ORDERS', 'orders');
  const host = await pair.host();
  const subscription = host.subscribe('orders', { maxDeliver: '1' });
  await host.publish('orders', 'x');
  const [message] = await subscription.received(1);
  subscription.nak(message?.id ?? '');
  await becomes(pair.url, `terms_total${of(',reason="refused"')}`, 1);
});

test('a paused app: its messages are given back, and wait in the consumer', async () => {
  await using pair = await start();
  await pair.nats.stream('ORDERS', 'orders');
  const host = await pair.host();
  const subscription = host.subscribe('orders');
  await becomes(pair.url, `subscription_state${of(',state="delivering"')}`, 1);
  await host.call('Pause');
  await host.publish('orders', 'x');
  await becomes(pair.url, `subscription_state${of(',state="paused"')}`, 1);
  await becomes(pair.url, `consumer_pending${of()}`, 1);
  await host.call('Resume');
  await subscription.received(1);
  subscription.cancel();
  await until('its end', async () => {
    return (await sample(pair.url, `subscription_state${of(',state="delivering"')}`)) === undefined;
  });
});

test('a subscription without a stream and a NATS that is gone are seen, and readiness stays', async () => {
  await using pair = await start();
  await pair.nats.stream('NEWS', 'news');
  const host = await pair.host();
  host.subscribe('orders');
  host.subscribe('news');
  const delivering = '{component="pubsub",app="app",topic="news",state="delivering"}';
  await becomes(pair.url, `subscription_state${delivering}`, 1);
  await becomes(pair.url, `subscription_state${of(',state="binding"')}`, 1);
  expect((await get(`${pair.url}/`)).text).toContain('no stream takes the subject');
  expect(await sample(pair.url, `connection_up${publisher}`)).toBe(1);
  await pair.nats.stop();
  await becomes(pair.url, `connection_up${publisher}`, 0);
  expect(await sample(pair.url, `subscription_state${delivering}`)).toBe(1);
  expect((await get(`${pair.url}/`)).text).toContain(
    '<span class="state bad">delivering</span><br>not connected to NATS',
  );
  const ready = await get(`${pair.url}/readyz`);
  expect(ready).toEqual({ status: 200, text: 'ready\npubsub of app: not connected to NATS\n' });
  await pair.nats.startAgain();
  await becomes(pair.url, `reconnects_total${publisher}`, 1);
});

test('two hosts of one name and app are one series', async () => {
  await using pair = await start();
  await pair.nats.stream('ORDERS', 'orders');
  const [first, second] = [await pair.host(), await pair.host()];
  first.subscribe('orders');
  second.subscribe('orders');
  await becomes(pair.url, `subscription_state${of(',state="delivering"')}`, 2);
  await first.publish('orders', 'x');
  await second.publish('orders', 'y');
  expect(await sample(pair.url, `publish_ack_seconds_count${publisher}`)).toBe(2);
  expect(
    await sample(
      pair.url,
      `subscription_info${of(',stream="ORDERS",consumer="app-orders",type="pull"')}`,
    ),
  ).toBe(1);
});

test('a replica that waits for a push consumer stands by, and takes over', async () => {
  await using pair = await start();
  await pair.nats.stream('ORDERS', 'orders');
  const fields = { heartbeat: '1s' };
  const first = (await pair.host(fields)).subscribe('orders');
  await becomes(pair.url, `subscription_state${of(',state="delivering"')}`, 1);
  (await pair.host(fields)).subscribe('orders');
  await becomes(pair.url, `subscription_state${of(',state="standby"')}`, 1);
  expect(await sample(pair.url, `subscription_state${of(',state="binding"')}`)).toBe(0);
  expect((await get(pair.url)).text).toContain('is in use by another client');
  first.cancel();
  await becomes(pair.url, `subscription_state${of(',state="standby"')}`, 0);
  await becomes(pair.url, `subscription_state${of(',state="delivering"')}`, 1);
  expect(pair.component.lines.filter((line) => line.includes('standing by'))).toHaveLength(1);
  expect(pair.component.lines.filter((line) => line.includes('"level":"warn"'))).toEqual([]);
});

test('what two hosts have counted stays when one goes, and when both have gone', async () => {
  await using pair = await start();
  await pair.nats.stream('ORDERS', 'orders');
  const hosts = [await pair.host(), await pair.host()];
  for (const host of hosts) await host.publish('orders', 'x');
  const subscription = hosts[0]?.subscribe('orders');
  await subscription?.received(2);
  subscription?.cancel();
  hosts[0]?.[Symbol.dispose]();
  await becomes(pair.url, `naks_total${of(',reason="given-back"')}`, 2);
  await until('its end', async () => {
    const delivering = await sample(pair.url, `subscription_state${of(',state="delivering"')}`);
    return delivering === undefined;
  });
  expect(await sample(pair.url, `publish_ack_seconds_count${publisher}`)).toBe(2);
  hosts[1]?.[Symbol.dispose]();
  await until('no host', async () => {
    return (await sample(pair.url, `connection_up${publisher}`)) === undefined;
  });
  expect(await sample(pair.url, `publish_ack_seconds_count${publisher}`)).toBe(2);
  const again = await pair.host();
  await again.publish('orders', 'x');
  expect(await sample(pair.url, `publish_ack_seconds_count${publisher}`)).toBe(3);
});

test('a last delivery that the end of its stream leaves unsettled is counted', async () => {
  await using pair = await start();
  await pair.nats.stream('ORDERS', 'orders');
  const host = await pair.host();
  const subscription = host.subscribe('orders', { maxDeliver: '1' });
  await host.publish('orders', 'x');
  await subscription.received(1);
  subscription.cancel();
  await becomes(pair.url, `terms_total${of(',reason="given-back"')}`, 1);
});

test.each([
  ['moved to the dead letter subject', 'dead_letters_total', { deadLetterSubject: 'dead' }],
  ['given up without a copy', 'terms_total', {}],
])('never settled in time and then refused: %s, and counted once', async (_, metric, fields) => {
  await using pair = await start();
  await pair.nats.stream('ORDERS', 'orders');
  await pair.nats.stream('DEAD', 'dead');
  const host = await pair.host(fields);
  const subscription = host.subscribe('orders', { ackWait: '300ms', maxDeliver: '1', backOff: '' });
  await host.publish('orders', 'x');
  const [message] = await subscription.received(1);
  await becomes(pair.url, `${metric}${of(',reason="unsettled"')}`, 1);
  subscription.nak(message?.id ?? '');
  await becomes(pair.url, `in_flight${of()}`, 0);
  expect(await sample(pair.url, `${metric}${of(',reason="refused"')}`)).toBe(0);
  // What this component stores for itself is no publish of the app, nor a duplicate.
  expect(await sample(pair.url, `publish_ack_seconds_count${publisher}`)).toBe(1);
  expect(await sample(pair.url, `publishes_duplicate_total${publisher}`)).toBe(0);
});

test('a dead letter whose first confirmation is lost is counted, once', async () => {
  await using pair = await start();
  await pair.nats.stream('ORDERS', 'orders');
  await pair.nats.api.streams.add({ name: 'DEAD', subjects: ['dead'], no_ack: true });
  const host = await pair.host({ deadLetterSubject: 'dead', publishTimeout: '500ms' });
  const subscription = host.subscribe('orders', { maxDeliver: '1' });
  await pair.nats.client.publish('orders', 'x');
  const [message] = await subscription.received(1);
  subscription.nak(message?.id ?? '');
  await until('a first attempt', () =>
    pair.component.lines.some((line) => line.includes('cannot store a dead letter yet')),
  );
  expect((await pair.nats.api.streams.info('DEAD')).state.messages).toBe(1);
  expect(await sample(pair.url, `dead_letters_pending${of()}`)).toBe(1);
  await pair.nats.api.streams.update('DEAD', { no_ack: false });
  await becomes(pair.url, `dead_letters_total${of(',reason="refused"')}`, 1);
  await becomes(pair.url, `dead_letters_pending${of()}`, 0);
  await becomes(pair.url, `in_flight${of()}`, 0);
  expect((await pair.nats.api.streams.info('DEAD')).state.messages).toBe(1);
});

test('an orphaned daprd makes the process unready, and alive', async () => {
  await using pair = await start();
  expect((await get(`${pair.url}/readyz`)).status).toBe(200);
  const host = await pair.host();
  using orphan = new Host(pair.component.socket, 'another');
  await expect(orphan.publish('orders', 'x')).rejects.toThrow('never initialised');
  const ready = await get(`${pair.url}/readyz`);
  expect(ready.status).toBe(503);
  expect(ready.text).toContain('restart daprd');
  expect(await sample(pair.url, 'orphaned')).toBe(1);
  expect((await get(`${pair.url}/healthz`)).status).toBe(200);
  await host.call('Ping');
});

test.each([
  ['removed', (socket: string) => rm(socket)],
  [
    'replaced by that of another process',
    async (socket: string) => {
      await rename(socket, `${socket}.moved`);
      await writeFile(socket, '');
    },
  ],
])('a socket file that was %s makes the process unready, until it is back', async (_, take) => {
  await using pair = await start();
  const { socket } = pair.component;
  await link(socket, `${socket}.kept`);
  await take(socket);
  const ready = await get(`${pair.url}/readyz`);
  expect(ready.status).toBe(503);
  expect(ready.text).toContain('the socket file was removed or replaced');
  expect((await get(`${pair.url}/healthz`)).status).toBe(200);
  await rename(`${socket}.kept`, socket);
  expect((await get(`${pair.url}/readyz`)).status).toBe(200);
});

test('while it stops it says so, and no longer is ready', async () => {
  await using pair = await start();
  await pair.nats.stream('ORDERS', 'orders');
  const host = await pair.host();
  const subscription = host.subscribe('orders');
  await host.publish('orders', 'x');
  await subscription.received(1);
  pair.component.signal('SIGTERM');
  await until('503', async () => (await get(`${pair.url}/readyz`)).text === 'stopping\n');
  subscription.ackAll();
  expect(await pair.component.ended).toBe(0);
});

test('backlogs of before an outage are not told in it', async () => {
  await using pair = await start();
  await pair.nats.stream('ORDERS', 'orders');
  const host = await pair.host();
  host.subscribe('orders');
  await host.publish('orders', 'x');
  await becomes(pair.url, `consumer_ack_pending${of()}`, 1);
  await pair.nats.stop();
  await becomes(pair.url, `connection_up${publisher}`, 0);
  expect(await sample(pair.url, `consumer_ack_pending${of()}`)).toBeUndefined();
  await pair.nats.startAgain();
  await becomes(pair.url, `consumer_ack_pending${of()}`, 1);
});

test('however often it is asked while NATS does not answer, NATS is asked in one round', async () => {
  await using pair = await start();
  await using relay = await TcpRelay.start(pair.nats.port);
  await pair.nats.stream('ORDERS', 'orders.>');
  const host = await pair.host({ natsURL: `nats://127.0.0.1:${relay.port}` });
  for (let index = 0; index < 80; index++) host.subscribe(`orders.${index}`);
  await until(
    'all of them',
    () => pair.component.lines.filter((line) => /"msg":"subscribed"/.test(line)).length === 80,
    30_000,
  );
  let asked = 0;
  pair.nats.client.subscribe('$JS.API.CONSUMER.INFO.>', { callback: () => void asked++ });
  await pair.nats.client.flush();
  relay.hold();
  // Each is answered after 2 s with what is known.
  await Promise.all([get(`${pair.url}/metrics`), get(`${pair.url}/`)]);
  await get(`${pair.url}/metrics`);
  await pair.nats.client.flush();
  expect(asked).toBe(32);
  relay.release();
  await becomes(pair.url, 'consumer_pending{component="pubsub",app="app",topic="orders.79"}', 0);
});

test('whoever sends much and reads nothing keeps nobody out, and little in memory', async () => {
  await using pair = await start();
  await pair.nats.stream('ORDERS', 'orders.>');
  const host = await pair.host();
  for (let index = 0; index < 100; index++) host.subscribe(`orders.${index}`);
  await until(
    'the last one',
    async () => {
      return (await get(`${pair.url}/metrics`)).text.includes(
        'topic="orders.99",state="delivering"} 1',
      );
    },
    30_000,
  );
  const before = await residentSize(pair.component.pid);
  const port = Number(new URL(pair.url).port);
  const sockets = Array.from({ length: 80 }, () => {
    const socket = connect(port, '127.0.0.1');
    socket.on('error', () => undefined);
    socket.pause();
    socket.write('GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(300));
    return socket;
  });
  try {
    for (let index = 0; index < 20; index++) {
      const start = performance.now();
      expect((await get(`${pair.url}/healthz`)).status).toBe(200);
      expect(performance.now() - start).toBeLessThan(3_000);
    }
    expect((await residentSize(pair.component.pid)) - before).toBeLessThan(100);
  } finally {
    for (const socket of sockets) socket.destroy();
  }
});

test('a misspelt variable is named in the log, and those of others are not', async () => {
  await using folder = await temporaryFolder();
  await using component = await startComponent({
    folder: folder.path,
    env: {
      DAPR_NATS_JETSTREAM_HTTPPORT: '9',
      DAPR_NATS_JETSTREAM_LOG_LEVEL: 'warn',
      // Kubernetes, for a Service of that name.
      DAPR_NATS_JETSTREAM_PORT: 'tcp://10.0.0.1:80',
      DAPR_NATS_JETSTREAM_SERVICE_HOST: '10.0.0.1',
    },
    ready: /"level":"warn"/,
  });
  expect(await component.end()).toBe(0);
  expect(component.lines).toEqual([expect.stringContaining('HTTPPORT is not a variable of this')]);
  expect(component.lines[0]).toContain('did you mean DAPR_NATS_JETSTREAM_HTTP_PORT?');
});

test('nobody gets further than reading, and names cannot become markup', async () => {
  await using pair = await start();
  const host = await pair.host();
  host.subscribe('a.<b>.&"x\'');
  await until('the topic', async () =>
    (await get(pair.url)).text.includes('a.&lt;b&gt;.&amp;&quot;x&#39;'),
  );
  for (const [path, options, status] of [
    ['/', { method: 'POST', body: 'x' }, 405],
    ['/nothing', {}, 404],
    ['/__proto__', {}, 404],
    ['/metrics?x=1', {}, 200],
    ['/healthz', { method: 'HEAD' }, 200],
  ] as const) {
    expect((await fetch(`${pair.url}${path}`, options)).status, path).toBe(status);
  }
  const { headers } = await fetch(pair.url);
  expect(headers.get('content-security-policy')).toContain("default-src 'none'");
  await host.call('Ping');
});

test.each([
  ['http://foo/metrics', 200],
  ['HTTP://foo:80/healthz?x=1', 200],
  ['http://foo', 200],
  ['http://foo/nothing', 404],
])('a request that names the whole URL, %s: %i', async (path, status) => {
  await using pair = await start();
  const sent = request(pair.url, { path }).end();
  const [response] = await once(sent, 'response');
  response.resume();
  expect(response.statusCode).toBe(status);
});

test('a port that is taken, an address of another machine: one clear line, exit 1, and no socket', async () => {
  await using folder = await temporaryFolder();
  const port = await freePort();
  const taken = createServer();
  await new Promise<void>((done) => taken.listen(port, '127.0.0.1', done));
  const start = async (host: string) => {
    const listen = ['--http-host', host, '--http-port', `${port}`];
    await using child = await Child.start({
      name: 'component',
      command: process.execPath,
      args: ['src/main.ts', '--socket-folder', folder.path, ...listen],
      ready: /cannot listen/,
    });
    expect(await child.ended).toBe(1);
    expect(child.lines).toHaveLength(1);
    return JSON.parse(child.lines[0] ?? '').msg;
  };
  expect(await start('127.0.0.1')).toBe(
    `cannot listen on 127.0.0.1:${port}: another process has that port: stop it, or choose another --http-port`,
  );
  // Of those that are for documentation.
  expect(await start('192.0.2.1')).toBe(
    `cannot listen on 192.0.2.1:${port}: this machine has no such address: correct --http-host`,
  );
  await expect(access(`${folder.path}/nats-jetstream.sock`)).rejects.toThrow();
  taken.close();
});
