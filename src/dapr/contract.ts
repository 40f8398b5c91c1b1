import { fileURLToPath } from 'node:url';
import { type GrpcObject, loadPackageDefinition, type ServiceDefinition } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import protobuf from 'protobufjs';
import type { ProtoGrpcType } from './generated/pubsub.ts';

/** Path of the host's contract. */
export const contractFile = fileURLToPath(new URL('../../proto/pubsub.proto', import.meta.url));

const contract = loadSync(contractFile, {
  longs: String,
  enums: String,
  defaults: true,
  oneofs: true,
});

const loaded = loadPackageDefinition(contract) as GrpcObject as unknown as ProtoGrpcType;

/** The PubSub service; also a client constructor, which the tests use. */
export const PubSub = loaded.dapr.proto.components.v1.PubSub;

/**
 * The same for a server: requests are handed over as they are decoded, and answers encoded as they
 * are. proto-loader would copy either into an object of its own first.
 */
export function serverDefinition(): ServiceDefinition {
  const service = protobuf.loadSync(contractFile).lookupService('PubSub');
  return Object.fromEntries(
    Object.entries(PubSub.service).map(([name, definition]) => {
      const method = service.methods[name]?.resolve() as protobuf.Method | undefined;
      const request = method?.resolvedRequestType;
      const response = method?.resolvedResponseType;
      if (!request || !response) throw new Error(`${contractFile} does not define ${name}`);
      setDefaults(request);
      const direct = {
        requestDeserialize: (bytes: Buffer) => request.decode(bytes),
        responseSerialize: (answer: object) => response.encode(answer).finish() as Buffer,
      };
      return [name, { ...definition, ...direct }];
    }),
  );
}

const nothing = Buffer.alloc(0);

/** What a message without a field reads as: protobufjs has a list for bytes. */
function setDefaults(type: protobuf.Type): void {
  for (const field of type.fieldsArray) {
    field.resolve();
    if (field.type === 'bytes') Object.assign(type.ctor.prototype, { [field.name]: nothing });
    if (field.resolvedType instanceof protobuf.Type) setDefaults(field.resolvedType);
  }
}
