import { loadSync } from '@grpc/proto-loader';
import { ReflectionService } from '@grpc/reflection';
import descriptor from 'protobufjs/ext/descriptor/index.js';
import { contractFile } from './contract.ts';

/**
 * The reflection service, v1 and v1alpha: daprd finds a component by it, and by nothing else.
 *
 * Two things stand between what proto-loader makes of the proto and what strict readers (grpcurl)
 * take, so the contract is loaded once more and mended; test/conformance holds the result. Field
 * names must be as written, not in camel case. And protobufjs names the entry message of a map
 * after its field alone (`Metadata`), where protobuf's rule is `MetadataEntry`.
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

/** Of a FileDescriptorProto, what is mended. */
interface File {
  messageType: {
    field: { typeName: string }[];
    nestedType: { name: string; options?: { mapEntry?: boolean } }[];
  }[];
}
