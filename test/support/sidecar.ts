import { App, type AppOptions } from './app.ts';
import { component, Daprd, type DaprdOptions } from './daprd.ts';
import type { Pair } from './pair.ts';

export interface Sidecar extends AsyncDisposable {
  app: App;
  daprd: Daprd;
}

/** An app and its daprd, with a Component named `pubsub` on the pair's nats-server. */
export async function startSidecar(
  pair: Pair,
  appId: string,
  app: Partial<AppOptions> = {},
  options: { metadata?: Record<string, string> } & Partial<DaprdOptions> = {},
): Promise<Sidecar> {
  await using stack = new AsyncDisposableStack();
  const { metadata, ...daprdOptions } = options;
  const running = stack.use(
    await App.start({ protocol: 'http', pubsub: 'pubsub', topics: ['orders'], ...app }),
  );
  const daprd = stack.use(
    await Daprd.start({
      appId,
      sockets: pair.folder,
      resources: [component('pubsub', { natsURL: pair.nats.url, ...metadata })],
      app: running,
      ...daprdOptions,
    }),
  );
  for (const topic of app.topics ?? ['orders']) await daprd.subscribed(topic);
  const owned = stack.move();
  return { app: running, daprd, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}
