import type { Method, StreamingCall } from '../grpc/method.ts';
import { type Code, code } from '../grpc/status.ts';
import { type FileDescription, files } from './generated/descriptors.ts';
import {
  question,
  type ReflectionRequest,
  type ReflectionResponse,
  reflectionRequest,
  reflectionResponse,
} from './reflection-messages.ts';

/** Returns the methods of the reflection services. daprd finds a component by the older one, v1alpha. */
export function reflectionMethods(): Method[] {
  return ['v1', 'v1alpha'].map((version) => ({
    kind: 'streaming',
    path: `/grpc.reflection.${version}.ServerReflection/ServerReflectionInfo`,
    request: reflectionRequest,
    response: reflectionResponse,
    handle,
  }));
}

/** Each answer repeats its request. Unit: bytes. */
const longestRequest = 2_048;

function handle(call: StreamingCall<ReflectionRequest, ReflectionResponse>): void {
  call.onMessage = (request) => {
    if (request.raw.length > longestRequest) {
      const message = `a reflection request may have ${longestRequest} bytes`;
      call.end({ code: code.INVALID_ARGUMENT, message });
      return;
    }
    // Answers are larger than requests: a client that reads none of them is asked to wait.
    if (!call.write(answer(request))) call.pause();
  };
  call.onRoom = () => call.resume();
  call.onEnd = () => call.end();
}

function answer(request: ReflectionRequest): ReflectionResponse {
  const { host, raw, name } = request;
  const response = { ...reflectionResponse.create(), validHost: host, originalRequest: [raw] };
  switch (request.question) {
    case question.listServices:
      return { ...response, listServicesResponse: { service: services() } };
    case question.fileByFilename:
      return withFile(response, fileNamed(name), `no proto file is named ${name}`);
    case question.fileContainingSymbol:
      return withFile(response, fileContaining(name), `no proto file contains the symbol ${name}`);
    case question.fileContainingExtension:
    case question.allExtensionNumbersOfType:
      return withError(response, code.NOT_FOUND, `the type ${name} has no extensions`);
    default:
      return withError(
        response,
        code.UNIMPLEMENTED,
        'the request asks nothing that this server knows',
      );
  }
}

function services(): { name: string }[] {
  return files.flatMap((file) =>
    file.services.map((name) => ({ name: `${file.package}.${name}` })),
  );
}

function fileNamed(name: string): FileDescription | undefined {
  return files.find((file) => file.name === name);
}

function fileContaining(symbol: string): FileDescription | undefined {
  return files.find(({ package: scope, symbols }) => {
    return symbol.startsWith(`${scope}.`) && symbols.includes(symbol.slice(scope.length + 1));
  });
}

/** No file imports another, so that each is sent alone. */
function withFile(
  response: ReflectionResponse,
  file: FileDescription | undefined,
  error: string,
): ReflectionResponse {
  if (!file) return withError(response, code.NOT_FOUND, error);
  const fileDescriptorProto = [Buffer.from(file.descriptor, 'base64')];
  return { ...response, fileDescriptorResponse: { fileDescriptorProto } };
}

function withError(
  response: ReflectionResponse,
  errorCode: Code,
  errorMessage: string,
): ReflectionResponse {
  return { ...response, errorResponse: { errorCode, errorMessage } };
}
