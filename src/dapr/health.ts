import type { Method, StreamingCall, UnaryCall } from '../grpc/method.ts';
import { code } from '../grpc/status.ts';
import { integer, text } from '../protobuf/field.ts';
import { message, messageField, messageList } from '../protobuf/message.ts';

/** The numbers of grpc.health.v1.HealthCheckResponse.ServingStatus. */
const statusNumber = { UNKNOWN: 0, SERVING: 1, NOT_SERVING: 2, SERVICE_UNKNOWN: 3 } as const;

/** The status of a service. Watch calls send SERVICE_UNKNOWN for a service that has no status. */
export type ServingStatus = Exclude<keyof typeof statusNumber, 'SERVICE_UNKNOWN'>;

interface CheckRequest {
  service: string;
}

interface CheckResponse {
  status: number;
}

/** An entry of a map on the wire. */
interface ListEntry {
  service: string;
  response: CheckResponse | undefined;
}

interface ListResponse {
  statuses: ListEntry[];
}

export const checkRequest = message<CheckRequest>({ service: text(1) });
export const checkResponse = message<CheckResponse>({ status: integer(1) });
export const listRequest = message<Record<never, never>>({});
export const listResponse = message<ListResponse>({
  statuses: messageList(
    1,
    message<ListEntry>({ service: text(1), response: messageField(2, checkResponse) }),
  ),
});

type WatchCall = StreamingCall<CheckRequest, CheckResponse>;

/** A Watch call keeps the name that it asks for, and a failed Check sends the name back. Unit: characters. */
const longestName = 1_024;

const nameTooLong = {
  code: code.INVALID_ARGUMENT,
  message: `the service name is longer than ${longestName} characters`,
} as const;

/** The service grpc.health.v1.Health, for any number of servers of this process. */
export class Health {
  readonly #statuses = new Map<string, ServingStatus>();
  /** Only services that are watched now: clients choose the names. */
  readonly #watchers = new Map<string, Set<Watcher>>();

  readonly methods: Method[] = [
    {
      kind: 'unary',
      path: '/grpc.health.v1.Health/Check',
      request: checkRequest,
      response: checkResponse,
      handle: (request, call) => this.#check(request, call),
    },
    {
      kind: 'unary',
      path: '/grpc.health.v1.Health/List',
      request: listRequest,
      response: listResponse,
      handle: (_, call: UnaryCall<ListResponse>) => call.answer(this.#list()),
    },
    {
      kind: 'streaming',
      path: '/grpc.health.v1.Health/Watch',
      request: checkRequest,
      response: checkResponse,
      handle: (call) => this.#watch(call),
    },
  ];

  /** Sets the status of a service and sends it to the calls that watch the service. `''` is the whole server. */
  setStatus(service: string, status: ServingStatus): void {
    this.#statuses.set(service, status);
    for (const watcher of this.#watchers.get(service) ?? []) watcher.update(statusNumber[status]);
  }

  /** Number of Watch calls that are sent changes. */
  get watchers(): number {
    let count = 0;
    for (const watchers of this.#watchers.values()) count += watchers.size;
    return count;
  }

  #check({ service }: CheckRequest, call: UnaryCall<CheckResponse>): void {
    const status = this.#statuses.get(service);
    if (status !== undefined) call.answer({ status: statusNumber[status] });
    else if (service.length > longestName) call.fail(nameTooLong);
    else call.fail({ code: code.NOT_FOUND, message: `service "${service}" has no health status` });
  }

  #list(): ListResponse {
    const statuses = [...this.#statuses].map(([service, status]) => ({
      service,
      response: { status: statusNumber[status] },
    }));
    return { statuses };
  }

  #watch(call: WatchCall): void {
    let remove: (() => void) | undefined;
    call.onMessage = ({ service }) => {
      if (remove) {
        remove();
        call.end({ code: code.UNIMPLEMENTED, message: 'Watch takes one request only' });
      } else if (service.length > longestName) call.end(nameTooLong);
      else {
        remove = this.#addWatcher(service, new Watcher(call));
        call.onCancel = remove;
      }
    };
    call.onEnd = () => {
      if (!remove) call.end({ code: code.UNIMPLEMENTED, message: 'Watch needs a request' });
    };
  }

  /** Returns what removes the watcher again. */
  #addWatcher(service: string, watcher: Watcher): () => void {
    const watchers = this.#watchers.get(service) ?? new Set();
    this.#watchers.set(service, watchers.add(watcher));
    watcher.update(statusNumber[this.#statuses.get(service) ?? 'SERVICE_UNKNOWN']);
    return () => {
      watchers.delete(watcher);
      if (watchers.size === 0 && this.#watchers.get(service) === watchers) {
        this.#watchers.delete(service);
      }
    };
  }
}

/** One Watch call. While its client takes nothing, only the latest status waits. */
class Watcher {
  readonly #call: WatchCall;
  #latest = -1;
  #written = -1;
  #room = true;

  constructor(call: WatchCall) {
    this.#call = call;
    call.onRoom = () => {
      this.#room = true;
      this.#write();
    };
  }

  update(status: number): void {
    this.#latest = status;
    this.#write();
  }

  #write(): void {
    if (!this.#room || this.#latest === this.#written || this.#call.ended) return;
    this.#written = this.#latest;
    this.#room = this.#call.write({ status: this.#latest });
  }
}
