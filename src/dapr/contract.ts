import { fileURLToPath } from 'node:url';
import { type GrpcObject, loadPackageDefinition } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
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
