import { CommunicationProtocolEnum, DaprClient, LogLevel } from '@dapr/dapr';
import { quiet } from './app.ts';
import type { Daprd } from './daprd.ts';

/** Dapr's own client, on one of the APIs of a daprd. */
export function daprClient(protocol: 'http' | 'grpc', daprd: Daprd): DaprClient {
  return new DaprClient({
    daprHost: '127.0.0.1',
    daprPort: `${protocol === 'http' ? daprd.httpPort : daprd.grpcPort}`,
    communicationProtocol:
      protocol === 'http' ? CommunicationProtocolEnum.HTTP : CommunicationProtocolEnum.GRPC,
    logger: { level: LogLevel.Error, service: quiet },
  });
}
