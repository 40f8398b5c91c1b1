import protobuf from 'protobufjs';
import { beforeEach, expect, test } from 'vitest';
import { Health } from '../../../src/dapr/health.ts';
import { code } from '../../../src/grpc/status.ts';
import { callUnary, FakeCall, methodOf } from '../../support/fake-call.ts';

const contract = protobuf.loadSync('proto/health.proto');

function request(service: string): Buffer {
  return Buffer.from(contract.lookupType('HealthCheckRequest').encode({ service }).finish());
}

function read(type: string, response: unknown): object {
  const found = contract.lookupType(type);
  const message = found.decode(response as Buffer);
  return found.toObject(message, { enums: String, defaults: true });
}

const statusOf = (response: unknown) => read('HealthCheckResponse', response);

let health: Health;
beforeEach(() => {
  health = new Health();
});

function check(service: string) {
  return callUnary(methodOf(health.methods, '/grpc.health.v1.Health/Check'), request(service));
}

function openWatch(): FakeCall {
  return new FakeCall(methodOf(health.methods, '/grpc.health.v1.Health/Watch'));
}

/** A Watch call as a client makes it: one request and half-closed. */
function watch(service: string): FakeCall {
  const call = openWatch();
  call.send(request(service));
  call.halfClose();
  return call;
}

function sent(call: FakeCall): string[] {
  return call.responses.map((response) => (statusOf(response) as { status: string }).status);
}

test('Check returns the status that was set last', () => {
  health.setStatus('', 'SERVING');
  expect(statusOf(check(''))).toEqual({ status: 'SERVING' });
  health.setStatus('', 'NOT_SERVING');
  expect(statusOf(check(''))).toEqual({ status: 'NOT_SERVING' });
  health.setStatus('', 'UNKNOWN');
  expect(statusOf(check(''))).toEqual({ status: 'UNKNOWN' });
});

test('Check of a service without a status fails with NOT_FOUND', () => {
  health.setStatus('', 'SERVING');
  expect(check('orders')).toMatchObject({ code: code.NOT_FOUND });
});

test('List returns every status', () => {
  const list = () =>
    read(
      'HealthListResponse',
      callUnary(methodOf(health.methods, '/grpc.health.v1.Health/List'), Buffer.alloc(0)),
    );
  expect(list()).toEqual({ statuses: {} });
  health.setStatus('', 'SERVING');
  health.setStatus('orders', 'UNKNOWN');
  expect(list()).toEqual({
    statuses: { '': { status: 'SERVING' }, orders: { status: 'UNKNOWN' } },
  });
});

test('Watch sends the status now and after each change', () => {
  health.setStatus('', 'SERVING');
  const call = watch('');
  health.setStatus('', 'NOT_SERVING');
  health.setStatus('', 'NOT_SERVING');
  health.setStatus('other', 'SERVING');
  health.setStatus('', 'SERVING');
  expect(sent(call)).toEqual(['SERVING', 'NOT_SERVING', 'SERVING']);
  expect(call.status).toBeUndefined();
});

test('Watch of an unknown service sends SERVICE_UNKNOWN and later its status', () => {
  const call = watch('orders');
  expect(sent(call)).toEqual(['SERVICE_UNKNOWN']);
  health.setStatus('orders', 'SERVING');
  expect(sent(call)).toEqual(['SERVICE_UNKNOWN', 'SERVING']);
});

test('Watch sends only the latest status to a client that took nothing for a while', () => {
  health.setStatus('', 'SERVING');
  const call = openWatch();
  call.room = false;
  call.send(request(''));
  for (let change = 0; change < 100; change++) {
    health.setStatus('', change % 2 ? 'UNKNOWN' : 'NOT_SERVING');
  }
  expect(sent(call)).toEqual(['SERVING']);
  call.makeRoom();
  expect(sent(call)).toEqual(['SERVING', 'UNKNOWN']);
  health.setStatus('', 'SERVING');
  expect(sent(call)).toEqual(['SERVING', 'UNKNOWN', 'SERVING']);
});

test('Watch sends nothing when the status is as before once there is room', () => {
  health.setStatus('', 'SERVING');
  const call = openWatch();
  call.room = false;
  call.send(request(''));
  health.setStatus('', 'NOT_SERVING');
  health.setStatus('', 'SERVING');
  call.makeRoom();
  expect(sent(call)).toEqual(['SERVING']);
});

test('a Watch call that is cancelled gets nothing more, and others still do', () => {
  health.setStatus('', 'SERVING');
  const [first, second] = [watch(''), watch('')];
  expect(health.watchers).toBe(2);
  first.cancel();
  expect(health.watchers).toBe(1);
  health.setStatus('', 'NOT_SERVING');
  expect(sent(first)).toEqual(['SERVING']);
  expect(sent(second)).toEqual(['SERVING', 'NOT_SERVING']);
  second.cancel();
  expect(health.watchers).toBe(0);
});

test('a service is watched again after all its Watch calls were cancelled', () => {
  const first = watch('orders');
  first.cancel();
  const second = watch('orders');
  health.setStatus('orders', 'SERVING');
  expect(sent(second)).toEqual(['SERVICE_UNKNOWN', 'SERVING']);
  expect(health.watchers).toBe(1);
});

test('Watch takes exactly one request', () => {
  const none = openWatch();
  none.halfClose();
  expect(none.status).toMatchObject({ code: code.UNIMPLEMENTED });
  const two = openWatch();
  two.send(request(''));
  two.send(request(''));
  expect(two.status).toMatchObject({ code: code.UNIMPLEMENTED });
  expect(health.watchers).toBe(0);
});

test('a long service name is refused: neither kept nor sent back', () => {
  const long = 'x'.repeat(2_000);
  expect(check(long)).toMatchObject({ code: code.INVALID_ARGUMENT });
  const call = watch(long);
  expect(call.status).toMatchObject({ code: code.INVALID_ARGUMENT });
  expect(health.watchers).toBe(0);
});
