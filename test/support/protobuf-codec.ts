import protobuf from 'protobufjs';
import type { Codec } from '../../src/grpc/codec.ts';

/** Returns a function that makes the codec of a message of the file, by the message's full name. */
export function protobufCodecs(
  file: string,
): <Message extends object>(name: string) => Codec<Message> {
  const root = protobuf.loadSync(file);
  return <Message extends object>(name: string) => protobufCodec<Message>(root.lookupType(name));
}

function protobufCodec<Message extends object>(type: protobuf.Type): Codec<Message> {
  // A message is asked for its size and then written, so it is encoded once.
  const encoded = new WeakMap<Message, Uint8Array>();
  const bytesOf = (message: Message) => {
    const bytes = encoded.get(message) ?? type.encode(message).finish();
    encoded.set(message, bytes);
    return bytes;
  };
  return {
    decode: (bytes, start, end) => type.decode(bytes.subarray(start, end)) as unknown as Message,
    size: (message) => bytesOf(message).length,
    write: (message, target, at) => {
      target.set(bytesOf(message), at);
      encoded.delete(message);
    },
  };
}
