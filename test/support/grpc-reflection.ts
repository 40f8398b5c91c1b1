import { join } from 'node:path';
import { loadSync } from '@grpc/proto-loader';
import { ReflectionService } from '@grpc/reflection';
import descriptor from 'protobufjs/ext/descriptor/index.js';

const contractFile = join(import.meta.dirname, '../../proto/pubsub.proto');

/**
 * Returns the reflection service of @grpc/reflection, which the component's own is compared with.
 *
 * Strict readers (grpcurl) refuse two things that proto-loader makes of the proto: field names in camel
 * case, and the entry message of a map without `Entry` in its name.
 */
export function createReflection(): ReflectionService {
  const asWritten = loadSync(contractFile, { keepCase: true });
  for (const definition of Object.values(asWritten) as { fileDescriptorProtos?: Buffer[] }[]) {
    definition.fileDescriptorProtos = definition.fileDescriptorProtos?.map(nameMapEntries);
  }
  return new ReflectionService(asWritten);
}

function nameMapEntries(encoded: Buffer): Buffer {
  const file = descriptor.FileDescriptorProto.decode(encoded) as unknown as File;
  for (const message of file.messageType) {
    const maps = new Set<string>();
    for (const nested of message.nestedType) {
      if (!nested.options?.mapEntry || nested.name.endsWith('Entry')) continue;
      maps.add(nested.name);
      nested.name += 'Entry';
    }
    for (const field of message.field) {
      if (maps.has(field.typeName)) field.typeName += 'Entry';
    }
  }
  return Buffer.from(descriptor.FileDescriptorProto.encode(file as never).finish());
}

/** The part of a FileDescriptorProto that is changed. */
interface File {
  messageType: {
    field: { typeName: string }[];
    nestedType: { name: string; options?: { mapEntry?: boolean } }[];
  }[];
}
