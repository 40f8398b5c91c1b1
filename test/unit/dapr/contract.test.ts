import { expect, test } from 'vitest';
import { PubSub, serverDefinition } from '../../../src/dapr/contract.ts';

const server = serverDefinition();
const client = PubSub.service as unknown as typeof server;

/** As a server reads what a client has written. */
function received(method: string, request: object) {
  const { requestSerialize } = client[method] as (typeof client)[string];
  const { requestDeserialize } = server[method] as (typeof server)[string];
  return requestDeserialize(requestSerialize(request));
}

/** As a client reads what a server has written. */
function answered(method: string, answer: object) {
  const { responseSerialize } = server[method] as (typeof server)[string];
  const { responseDeserialize } = client[method] as (typeof client)[string];
  return responseDeserialize(responseSerialize(answer));
}

test('what a request leaves out reads as empty', () => {
  const { data, topic, metadata, contentType } = received('Publish', {});
  expect({ data, topic, contentType }).toEqual({
    data: Buffer.alloc(0),
    topic: '',
    contentType: '',
  });
  expect({ ...metadata }).toEqual({});
  expect(received('Init', {}).metadata).toBeNull();
  expect(received('BulkPublish', { entries: [{}] }).entries[0].event).toEqual(Buffer.alloc(0));
  expect(received('PullMessages', { ackMessageId: '1' })).toMatchObject({
    topic: null,
    ackMessageId: '1',
    ackError: null,
  });
});

test('a request arrives as it was sent', () => {
  const request = {
    data: Buffer.from([0, 255]),
    pubsubName: 'pubsub',
    topic: 'orders',
    metadata: { a: '1', constructor: '2' },
    contentType: 'text/plain',
  };
  expect({ ...received('Publish', request) }).toMatchObject(request);
});

test('a key that means something to JavaScript changes no prototype', () => {
  const metadata = JSON.parse('{"__proto__":"polluted","toString":"1"}');
  received('Publish', { metadata });
  expect(Object.getPrototypeOf({})).toBe(Object.prototype);
  expect(received('Publish', {}).metadata.polluted).toBeUndefined();
});

test('an answer arrives as it was given, in parts or whole', () => {
  const message = { data: Buffer.from('x'), topicName: 't', metadata: { a: '1' }, id: '7' };
  expect(answered('PullMessages', message)).toEqual({ ...message, contentType: '' });
  expect(answered('Publish', {})).toEqual({});
  const failedEntries = [{ entryId: '1', error: 'no' }];
  expect(answered('BulkPublish', { failedEntries })).toEqual({ failedEntries });
});
