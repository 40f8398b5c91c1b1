import { ComponentError } from '../errors.ts';

/** Longer ones cost the whole connection: the server cuts off who sends them. Unit: bytes. */
const longest = 255;

/**
 * @throws ComponentError `invalid-request` for a topic that is no subject one can publish to
 */
export function checkPublishSubject(topic: string): void {
  checkSubject(topic);
  if (/(^|\.)[*>](\.|$)/.test(topic)) {
    throw refuse(topic, 'has a wildcard, which can be subscribed to but not published to');
  }
}

/**
 * @throws ComponentError `invalid-request` for a topic that is no subject one can subscribe to
 */
export function checkSubscribeSubject(topic: string): void {
  checkSubject(topic);
  if (/(^|\.)>\./.test(topic)) throw refuse(topic, 'has the wildcard > before its end');
}

/** Whether a pattern covers a subject, which may have wildcards itself. */
export function matches(pattern: string, subject: string): boolean {
  const wanted = pattern.split('.');
  const parts = subject.split('.');
  for (const [index, part] of wanted.entries()) {
    if (part === '>') return parts.length > index;
    if (part !== '*' && part !== parts[index]) return false;
  }
  return wanted.length === parts.length;
}

function checkSubject(topic: string): void {
  if (topic === '') throw new ComponentError('invalid-request', 'the topic is empty');
  if (Buffer.byteLength(topic) > longest) {
    const start = `${topic.slice(0, 40)}…`;
    throw refuse(start, `is ${Buffer.byteLength(topic)} bytes long and may have ${longest}`);
  }
  // biome-ignore lint/suspicious/noControlCharactersInRegex: exactly these are refused
  if (/[\s\u0000-\u001f\u007f]/.test(topic)) {
    throw refuse(topic, 'contains a space or a control character');
  }
  if (topic.split('.').includes('')) throw refuse(topic, 'has an empty part between its dots');
  if (/^\$(JS|SYS)\./.test(topic)) throw refuse(topic, "is the NATS server's own");
}

function refuse(topic: string, why: string): ComponentError {
  const shown = JSON.stringify(topic);
  return new ComponentError('invalid-request', `the topic ${shown} is no NATS subject: it ${why}`);
}
