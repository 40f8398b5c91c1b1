import { once } from 'node:events';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { Client, credentials, Server, ServerCredentials, type ServiceError } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { HealthImplementation } from 'grpc-health-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Health } from '../../../src/dapr/health.ts';
import { reflectionMethods } from '../../../src/dapr/reflection.ts';
import { Http2Server } from '../../../src/grpc/http2-server.ts';
import { createReflection } from '../../support/grpc-reflection.ts';
import { temporaryFolder } from '../../support/temp.ts';

/** One server with the component's own services, and one with the services of grpc-js' packages. */
interface Pair {
  own: Client;
  theirs: Client;
}

let clients: Pair;
const health = new Health();
const theirHealth = new HealthImplementation();
const stack = new AsyncDisposableStack();

beforeAll(async () => {
  const folder = stack.use(await temporaryFolder());
  const connect = (path: string) => {
    return stack.adopt(new Client(`unix:${path}`, credentials.createInsecure()), (client) =>
      client.close(),
    );
  };

  const own = new Http2Server({
    methods: [...reflectionMethods(), ...health.methods],
    defect: (error) => {
      throw error;
    },
  });
  const listener = createServer((socket) => own.serve(socket, undefined));
  stack.defer(() => void listener.close());
  await once(listener.listen(join(folder.path, 'own')), 'listening');

  const theirs = stack.adopt(new Server(), (server) => server.forceShutdown());
  createReflection().addToServer(theirs);
  theirHealth.addToServer(theirs);
  const path = join(folder.path, 'theirs');
  await new Promise<void>((resolve, reject) => {
    theirs.bindAsync(`unix:${path}`, ServerCredentials.createInsecure(), (error) => {
      if (error) reject(error);
      else resolve();
    });
  });
  clients = { own: connect(join(folder.path, 'own')), theirs: connect(path) };
});

afterAll(() => stack.disposeAsync());

const options = { keepCase: false, enums: String, defaults: true, oneofs: true, longs: String };
const reflection = loadSync('proto/reflection.proto', options)[
  'grpc.reflection.v1.ServerReflection'
];
const healthCheck = loadSync('proto/health.proto', options)['grpc.health.v1.Health'];

// biome-ignore lint/suspicious/noExplicitAny: a ServiceDefinition by the names of its methods
function methodOf(service: unknown, name: string): any {
  return (service as Record<string, unknown>)[name];
}

/** Sends the requests on one call and returns the responses after its end. */
async function reflect(client: Client, requests: object[], version = 'v1'): Promise<object[]> {
  const { requestSerialize, responseDeserialize } = methodOf(reflection, 'ServerReflectionInfo');
  const path = `/grpc.reflection.${version}.ServerReflection/ServerReflectionInfo`;
  const call = client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize);
  for (const request of requests) call.write(request);
  call.end();
  return call.toArray() as Promise<object[]>;
}

function unary(client: Client, name: string, request: object): Promise<object> {
  const { path, requestSerialize, responseDeserialize } = methodOf(healthCheck, name);
  return new Promise((resolve) => {
    client.makeUnaryRequest(path, requestSerialize, responseDeserialize, request, (error, answer) =>
      resolve(error ? { code: (error as ServiceError).code } : (answer as object)),
    );
  });
}

const contract = 'dapr.proto.components.v1';

test('describes the contract byte for byte like @grpc/reflection', async () => {
  const found = [
    'PubSub',
    'PubSub.Init',
    'PublishRequest',
    'PublishRequest.pubsub_name',
    'Topic.MetadataEntry',
  ].map((name) => ({ fileContainingSymbol: `${contract}.${name}` }));
  const requests = [...found, { fileByFilename: 'dapr_proto_components_v1.proto', host: 'x' }];
  for (const version of ['v1', 'v1alpha']) {
    const own = await reflect(clients.own, requests, version);
    expect(own).toEqual(await reflect(clients.theirs, requests, version));
    expect(own).toHaveLength(requests.length);
  }
});

test('fails with the codes of @grpc/reflection', async () => {
  const requests = [
    { fileContainingSymbol: `${contract}.Unknown` },
    { fileByFilename: 'unknown.proto' },
    { fileContainingExtension: { containingType: `${contract}.Topic`, extensionNumber: 7 } },
    { allExtensionNumbersOfType: `${contract}.Topic` },
    { host: 'nothing asked' },
  ];
  const withoutText = async (client: Client) =>
    (await reflect(client, requests)).map((response) => ({
      ...response,
      errorResponse: {
        ...(response as { errorResponse: object }).errorResponse,
        errorMessage: 'any',
      },
    }));
  expect(await withoutText(clients.own)).toEqual(await withoutText(clients.theirs));
});

test('lists what @grpc/reflection lists, and health and reflection too', async () => {
  const names = async (client: Client) => {
    const [response] = (await reflect(client, [{ listServices: '*' }])) as {
      listServicesResponse: { service: { name: string }[] };
    }[];
    return response?.listServicesResponse.service.map(({ name }) => name) ?? [];
  };
  expect(await names(clients.own)).toEqual([
    ...(await names(clients.theirs)),
    'grpc.health.v1.Health',
    'grpc.reflection.v1.ServerReflection',
    'grpc.reflection.v1alpha.ServerReflection',
  ]);
});

test('answers Check and List like grpc-health-check', async () => {
  for (const status of ['SERVING', 'NOT_SERVING'] as const) {
    health.setStatus('', status);
    theirHealth.setStatus('', status);
    for (const [name, request] of [
      ['Check', { service: '' }],
      ['Check', { service: 'unknown' }],
      ['List', {}],
    ] as const) {
      const own = await unary(clients.own, name, request);
      expect(own).toEqual(await unary(clients.theirs, name, request));
    }
  }
});

test('Watch sends changes until the client cancels', async () => {
  health.setStatus('', 'SERVING');
  const { path, requestSerialize, responseDeserialize } = methodOf(healthCheck, 'Watch');
  const call = clients.own.makeServerStreamRequest(path, requestSerialize, responseDeserialize, {
    service: '',
  });
  call.on('error', () => undefined);
  const next = async () => (await once(call, 'data'))[0];
  expect(await next()).toEqual({ status: 'SERVING' });
  expect(health.watchers).toBe(1);
  const changed = next();
  health.setStatus('', 'NOT_SERVING');
  expect(await changed).toEqual({ status: 'NOT_SERVING' });
  call.cancel();
  await expect.poll(() => health.watchers).toBe(0);
});
