import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { type AddressInfo, isIPv6, type Socket } from 'node:net';
import type { ServerStatus } from '../dapr/server.ts';
import { ComponentError, messageOf } from '../errors.ts';
import type { Logger } from '../log.ts';
import { within } from '../within.ts';
import { History } from './history.ts';
import { contentSecurityPolicy, renderPage } from './page.ts';

export interface HttpOptions {
  host: string;
  /** 0: any that is free. */
  port: number;
  version: string;
  /** Undefined until the socket is served. */
  status: () => ServerStatus | undefined;
  /** Whether the socket is still where daprd looks for it. */
  inPlace: () => Promise<boolean>;
  /** Has what NATS alone knows asked for anew. */
  refresh: () => Promise<void>;
  log: Logger;
}

export interface RunningHttp {
  url: string;
}

/** For one more the oldest is closed: whoever opens many shall not keep a probe out. */
const mostConnections = 64;

/**
 * A request that has not arrived by then is dropped, and an answer of which nothing is taken for so long.
 * Unit: milliseconds.
 */
const requestLimit = 5_000;

/** What NATS is asked for an answer may take this long; then the last known is told. Unit: milliseconds. */
const refreshLimit = 2_000;

interface Answer {
  status: number;
  type: string;
  body: string;
}

/**
 * Tells the operator how it goes: `/metrics` for Prometheus, `/healthz` and `/readyz` for Kubernetes,
 * and `/` for people. Read only, nothing secret in it, and nobody is asked who he is. Runs until the
 * process ends: while it stops, that is told here.
 *
 * @throws ComponentError `invalid-config` where it cannot listen
 */
export async function startHttp(options: HttpOptions): Promise<RunningHttp> {
  const { host, port, version, status, log } = options;
  const history = new History(status);
  const started = performance.now();

  const refreshed = async () => {
    await within(refreshLimit, options.refresh());
    return status();
  };

  let metricsPage: Promise<import('./metrics.ts').MetricsPage> | undefined;
  const metrics = async (): Promise<Answer> => {
    const known = await refreshed();
    if (!known) return notYet;
    // Loaded when somebody asks: it would make the start longer.
    metricsPage ??= import('./metrics.ts').then(({ MetricsPage }) => new MetricsPage(version));
    const page = await metricsPage;
    return { status: 200, type: page.contentType, body: await page.render(known) };
  };

  const routes: Record<string, () => Answer | Promise<Answer>> = {
    '/': shared(async () => {
      const known = await refreshed();
      if (!known) return notYet;
      const uptime = performance.now() - started;
      const body = renderPage({ status: known, history, version, uptime });
      return { status: 200, type: 'text/html; charset=utf-8', body };
    }),
    '/metrics': shared(metrics),
    '/healthz': () => plain(200, 'ok'),
    '/readyz': async () => {
      const inPlace = await options.inPlace();
      // Not before: where it is being removed, it says that it stops.
      return readiness(options.status(), inPlace);
    },
  };

  const answer = async (request: IncomingMessage): Promise<Answer> => {
    if (request.method !== 'GET' && request.method !== 'HEAD')
      return plain(405, 'GET or HEAD only');
    const path = pathOf(request.url ?? '/');
    const route = Object.hasOwn(routes, path) ? routes[path] : undefined;
    return route ? route() : plain(404, `there is ${Object.keys(routes).join(', ')}`);
  };

  const server = createServer(
    {
      requestTimeout: requestLimit,
      headersTimeout: requestLimit,
      connectionsCheckingInterval: 1_000,
    },
    (request, response) => {
      request.resume();
      answer(request)
        .catch((error) => {
          log.error({ err: error }, `HTTP ${request.url}: ${messageOf(error)}`);
          return plain(500, 'see the log');
        })
        .then((found) => send(response, found, request.method === 'HEAD'));
    },
  );
  server.timeout = requestLimit;
  // Whoever sends one request after the other and reads no answer would have all of them kept here.
  server.maxRequestsPerSocket = 1;
  const open = new Set<Socket>();
  server.on('connection', (socket) => {
    open.add(socket);
    socket.on('close', () => open.delete(socket));
    const [oldest] = open;
    if (open.size > mostConnections) oldest?.destroy();
  });
  await new Promise<void>((done, fail) => {
    server.once('error', (error) => {
      const text = `cannot listen on ${hostAndPort(host, port)}: ${reason(error)}`;
      fail(new ComponentError('invalid-config', text, { cause: error }));
    });
    server.listen(port, host, done);
  });
  server.on('error', (error) => log.error(`HTTP: ${error.message}`));
  const { address, port: actual } = server.address() as AddressInfo;
  return { url: `http://${hostAndPort(address, actual)}` };
}

/** A proxy may be told the whole URL, and tell it on; a server has to take that (RFC 9112, 3.2.2). */
function pathOf(target: string): string {
  return target.replace(/^https?:\/\/[^/?]*/i, '').split('?')[0] || '/';
}

function hostAndPort(host: string, port: number): string {
  return `${isIPv6(host) ? `[${host}]` : host}:${port}`;
}

function reason(error: NodeJS.ErrnoException): string {
  switch (error.code) {
    case 'EADDRINUSE':
      return 'another process has that port: stop it, or choose another --http-port';
    case 'EADDRNOTAVAIL':
      return 'this machine has no such address: correct --http-host';
    case 'EACCES':
      return 'this user may not use that port: choose an --http-port of 1024 or more';
    default:
      return messageOf(error);
  }
}

/**
 * Whether daprd may be let near. Not whether NATS is there: all replicas would be taken out of
 * service at once for an outage that none of them can mend, and that each of them waits out.
 */
function readiness(status: ServerStatus | undefined, inPlace: boolean): Answer {
  if (!status) return notYet;
  const { state, components } = status;
  if (state === 'stopping') return plain(503, 'stopping');
  if (state === 'orphaned') {
    return plain(503, 'orphaned: this process was restarted and daprd was not; restart daprd');
  }
  if (!inPlace) return plain(503, misplaced);
  const lines = components.map(({ labels: { component, app }, instance, refused }) => {
    const nats = instance?.connection.connected ? 'connected to NATS' : 'not connected to NATS';
    return `${component} of ${app || 'an unnamed app'}: ${refused ? 'refused' : nats}`;
  });
  return plain(200, ['ready', ...lines].join('\n'));
}

/** The same answer for all who ask while it is being made. */
function shared(make: () => Promise<Answer>): () => Promise<Answer> {
  let under: Promise<Answer> | undefined;
  return () => {
    under ??= make().finally(() => {
      under = undefined;
    });
    return under;
  };
}

const misplaced =
  'out of reach: the socket file was removed or replaced, so a daprd that starts does not find this ' +
  'process; restart this process, and then daprd';

const notYet = plain(503, 'starting: the socket is not served yet');

function plain(status: number, text: string): Answer {
  return { status, type: 'text/plain; charset=utf-8', body: `${text}\n` };
}

function send(response: ServerResponse, { status, type, body }: Answer, headOnly: boolean): void {
  response.writeHead(status, {
    'Content-Type': type,
    'Content-Length': Buffer.byteLength(body),
    'Cache-Control': 'no-store',
    'Content-Security-Policy': contentSecurityPolicy,
    'X-Content-Type-Options': 'nosniff',
    'Referrer-Policy': 'no-referrer',
    ...(status === 405 ? { Allow: 'GET, HEAD' } : {}),
  });
  response.end(headOnly ? undefined : body);
}
