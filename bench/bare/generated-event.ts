/** The CloudEvent that daprd would make of so many bytes of text; each has the same id. */
export function generatedEvent(topic: string, size: number): Buffer {
  const event = {
    data: 'x'.repeat(size),
    datacontenttype: 'text/plain',
    id: '00000000-0000-0000-0000-000000000000',
    pubsubname: 'pubsub',
    source: 'bench',
    specversion: '1.0',
    time: '2026-01-01T00:00:00Z',
    topic,
    traceid: '00-00000000000000000000000000000001-0000000000000001-01',
    traceparent: '00-00000000000000000000000000000001-0000000000000001-01',
    tracestate: '',
    type: 'com.dapr.event.sent',
  };
  return Buffer.from(JSON.stringify(event));
}
