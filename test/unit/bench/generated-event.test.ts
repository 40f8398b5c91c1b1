import { expect, test } from 'vitest';
import { generatedEvent } from '../../../bench/bare/generated-event.ts';

test.each([0, 256, 256 * 1024])('a made-up CloudEvent has %d bytes of data', (size) => {
  const bytes = generatedEvent('orders', size);
  const event = JSON.parse(bytes.toString());
  expect(event).toMatchObject({ specversion: '1.0', topic: 'orders', pubsubname: 'pubsub' });
  expect(event.data).toHaveLength(size);
  expect(bytes.length - size).toBe(generatedEvent('orders', 0).length);
});
