/** The messages of proto/reflection.proto, which the older version of the service shares. */
import type { Codec } from '../grpc/codec.ts';
import { bytesList, delimited, integer, text } from '../protobuf/field.ts';
import { message, messageField, messageList, readMessage } from '../protobuf/message.ts';
import { Reader } from '../protobuf/reader.ts';

/** What a request can ask for, with the number of its field. */
export const question = {
  fileByFilename: 3,
  fileContainingSymbol: 4,
  fileContainingExtension: 5,
  allExtensionNumbersOfType: 6,
  listServices: 7,
} as const;

export interface ReflectionRequest {
  host: string;
  /** The request as it arrived, which the response sends back. */
  raw: Uint8Array;
  question: number | undefined;
  /** The name of a file, symbol or type. */
  name: string;
}

export interface ReflectionResponse {
  validHost: string;
  /** Holds one request. Bytes are written like the message that they encode. */
  originalRequest: Uint8Array[];
  fileDescriptorResponse: { fileDescriptorProto: Uint8Array[] } | undefined;
  listServicesResponse: { service: { name: string }[] } | undefined;
  errorResponse: { errorCode: number; errorMessage: string } | undefined;
}

const extensionRequest = message({ containingType: text(1), extensionNumber: integer(2) });

export const reflectionRequest: Codec<ReflectionRequest> = {
  decode(bytes, start, end) {
    const reader = new Reader(bytes, start, end);
    const request: ReflectionRequest = {
      host: '',
      raw: bytes.subarray(start, end),
      question: undefined,
      name: '',
    };
    for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
      switch (tag) {
        case delimited(1):
          request.host = reader.string();
          break;
        case delimited(question.fileByFilename):
        case delimited(question.fileContainingSymbol):
        case delimited(question.allExtensionNumbersOfType):
        case delimited(question.listServices):
          // The last one counts: they are a oneof.
          request.question = tag >>> 3;
          request.name = reader.string();
          break;
        case delimited(question.fileContainingExtension):
          request.question = tag >>> 3;
          request.name = readMessage(
            reader,
            extensionRequest,
            extensionRequest.create(),
          ).containingType;
          break;
        default:
          reader.skip(tag);
      }
    }
    return request;
  },
  size: ({ raw }) => raw.length,
  write: ({ raw }, target, at) => target.set(raw, at),
};

export const reflectionResponse = message<ReflectionResponse>({
  validHost: text(1),
  originalRequest: bytesList(2),
  fileDescriptorResponse: messageField(4, message({ fileDescriptorProto: bytesList(1) })),
  listServicesResponse: messageField(
    6,
    message({ service: messageList(1, message({ name: text(1) })) }),
  ),
  errorResponse: messageField(7, message({ errorCode: integer(1), errorMessage: text(2) })),
});
