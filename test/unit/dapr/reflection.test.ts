import protobuf from 'protobufjs';
import descriptor from 'protobufjs/ext/descriptor/index.js';
import { expect, test } from 'vitest';
import { reflectionMethods } from '../../../src/dapr/reflection.ts';
import { code } from '../../../src/grpc/status.ts';
import { FakeCall, methodOf } from '../../support/fake-call.ts';

const contract = protobuf.loadSync('proto/reflection.proto');
const requestType = contract.lookupType('ServerReflectionRequest');
const responseType = contract.lookupType('ServerReflectionResponse');
const methods = reflectionMethods();

function open(version = 'v1'): FakeCall {
  return new FakeCall(
    methodOf(methods, `/grpc.reflection.${version}.ServerReflection/ServerReflectionInfo`),
  );
}

function encode(request: object): Buffer {
  return Buffer.from(requestType.encode(request).finish());
}

// biome-ignore lint/suspicious/noExplicitAny: whatever a response has
function responses(call: FakeCall): any[] {
  return call.responses.map((response) => responseType.toObject(responseType.decode(response)));
}

function ask(request: object, version?: string) {
  const call = open(version);
  call.send(encode(request));
  return responses(call)[0];
}

/** The file that a response has, decoded. */
// biome-ignore lint/suspicious/noExplicitAny: a FileDescriptorProto
function fileOf(response: any): any {
  const files = response.fileDescriptorResponse.fileDescriptorProto;
  expect(files).toHaveLength(1);
  return descriptor.FileDescriptorProto.decode(files[0]).toJSON();
}

const pubSub = 'dapr.proto.components.v1';

test.each(['v1', 'v1alpha'])('%s lists every service', (version) => {
  const { listServicesResponse } = ask({ listServices: '' }, version);
  expect(listServicesResponse.service.map(({ name }: { name: string }) => name)).toEqual([
    'dapr.proto.components.v1.PubSub',
    'grpc.health.v1.Health',
    'grpc.reflection.v1.ServerReflection',
    'grpc.reflection.v1alpha.ServerReflection',
  ]);
});

test('sends back the host and the request', () => {
  const request = { host: 'pubsub.local', listServices: '*' };
  expect(ask(request)).toMatchObject({ validHost: 'pubsub.local', originalRequest: request });
  expect(ask({})).toMatchObject({ originalRequest: {} });
});

test.each([
  [`${pubSub}.PubSub`, 'dapr_proto_components_v1.proto'],
  [`${pubSub}.PubSub.PullMessages`, 'dapr_proto_components_v1.proto'],
  [`${pubSub}.PublishRequest`, 'dapr_proto_components_v1.proto'],
  [`${pubSub}.PublishRequest.topic`, 'dapr_proto_components_v1.proto'],
  [`${pubSub}.Topic.MetadataEntry`, 'dapr_proto_components_v1.proto'],
  ['grpc.health.v1.HealthCheckResponse.ServingStatus', 'grpc_health_v1.proto'],
  ['grpc.health.v1.HealthCheckResponse.SERVING', 'grpc_health_v1.proto'],
  ['grpc.reflection.v1.ServerReflectionRequest.message_request', 'grpc_reflection_v1.proto'],
  ['grpc.reflection.v1alpha.ServerReflection', 'grpc_reflection_v1alpha.proto'],
])('finds the file that contains the symbol %s', (fileContainingSymbol, name) => {
  const file = fileOf(ask({ fileContainingSymbol }));
  expect(file.name).toBe(name);
  expect(fileOf(ask({ fileByFilename: name }))).toEqual(file);
});

test.each(['', 'PubSub', pubSub, `${pubSub}.`, `${pubSub}.Pub`, `.${pubSub}.PubSub`, '__proto__'])(
  'answers NOT_FOUND for the symbol "%s"',
  (fileContainingSymbol) => {
    expect(ask({ fileContainingSymbol }).errorResponse.errorCode).toBe(code.NOT_FOUND);
  },
);

test('answers NOT_FOUND for an unknown file and for extensions', () => {
  const extension = { containingType: `${pubSub}.Topic`, extensionNumber: -1 };
  const requests = [
    { fileByFilename: 'unknown.proto' },
    { fileContainingExtension: extension },
    { allExtensionNumbersOfType: `${pubSub}.Topic` },
  ];
  for (const request of requests) {
    expect(ask(request)).toMatchObject({
      errorResponse: { errorCode: code.NOT_FOUND },
      originalRequest: request,
    });
  }
});

test('answers UNIMPLEMENTED for a request that asks for nothing', () => {
  expect(ask({ host: 'x' }).errorResponse.errorCode).toBe(code.UNIMPLEMENTED);
});

test('the last question of a request counts', () => {
  const call = open();
  const parts = [{ fileByFilename: 'unknown.proto' }, { listServices: '' }];
  call.send(Buffer.concat(parts.map(encode)));
  expect(responses(call)[0].listServicesResponse.service).toHaveLength(4);
});

test('the contract is shown with names as they are written', () => {
  const file = fileOf(ask({ fileContainingSymbol: `${pubSub}.PubSub` }));
  const names = (list: { name: string }[]) => list.map(({ name }) => name);
  const publish = file.messageType.find(({ name }: { name: string }) => name === 'PublishRequest');
  expect(names(publish.field)).toEqual([
    'data',
    'pubsub_name',
    'topic',
    'metadata',
    'content_type',
  ]);
  expect(publish.field[3].typeName).toBe('MetadataEntry');
  expect(publish.nestedType).toMatchObject([
    { name: 'MetadataEntry', options: { mapEntry: true } },
  ]);
});

test('answers every request of a call in turn and ends after the last', () => {
  const call = open();
  call.send(encode({ listServices: '' }));
  call.send(encode({ fileByFilename: 'unknown.proto' }));
  expect(call.status).toBeUndefined();
  call.halfClose();
  expect(responses(call).map(({ messageResponse, ...rest }) => Object.keys(rest).at(-1))).toEqual([
    'listServicesResponse',
    'errorResponse',
  ]);
  expect(call.status).toEqual({ code: code.OK });
});

test('reads no further request while the client takes no response', () => {
  const call = open();
  call.room = false;
  call.send(encode({ listServices: '' }));
  expect(call.paused).toBe(true);
  call.makeRoom();
  expect(call.paused).toBe(false);
});
