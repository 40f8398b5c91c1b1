import { join } from 'node:path';
import { type GrpcObject, loadPackageDefinition } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import type { ProtoGrpcType } from './generated/pubsub.ts';

const contract = loadSync(join(import.meta.dirname, '../../proto/pubsub.proto'), {
  longs: String,
  enums: String,
  defaults: true,
  oneofs: true,
});

const loaded = loadPackageDefinition(contract) as GrpcObject as unknown as ProtoGrpcType;

/** The client of daprd's contract that grpc-js makes: nothing of it is the component's own. */
export const PubSub = loaded.dapr.proto.components.v1.PubSub;
