import { ComponentError } from '../errors.ts';

/** Longer ones cost the whole connection: the server cuts off who sends them. Unit: bytes. */
const longest = 255;

/**
 * @throws ComponentError `invalid-request` for a topic that is no subject one can publish to
 */
export function checkPublishSubject(topic: string): void {
  refuse(topic, publishFault(topic));
}

/**
 * @throws ComponentError `invalid-request` for a topic that is no subject one can subscribe to
 */
export function checkSubscribeSubject(topic: string): void {
  refuse(topic, subscribeFault(topic));
}

/** Why one cannot publish to it, as what follows "it"; undefined where one can. */
export function publishFault(subject: string): string | undefined {
  const fault = faultOf(subject);
  if (fault !== undefined || !/(^|\.)[*>](\.|$)/.test(subject)) return fault;
  return 'has a wildcard, which can be subscribed to but not published to';
}

/** Why one cannot subscribe to it, as what follows "it"; undefined where one can. */
export function subscribeFault(subject: string): string | undefined {
  const fault = faultOf(subject);
  if (fault !== undefined || !/(^|\.)>\./.test(subject)) return fault;
  return 'has the wildcard > before its end';
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

function faultOf(subject: string): string | undefined {
  const bytes = Buffer.byteLength(subject);
  if (subject === '') return 'is empty';
  if (bytes > longest) return `is ${bytes} bytes long and may have ${longest}`;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: exactly these are refused
  if (/[\s\u0000-\u001f\u007f]/.test(subject)) return 'contains a space or a control character';
  if (subject.split('.').includes('')) return 'has an empty part between its dots';
  return /^\$(JS|SYS)\./.test(subject) ? "is the NATS server's own" : undefined;
}

function refuse(topic: string, fault: string | undefined): void {
  if (fault === undefined) return;
  const start = Buffer.byteLength(topic) > longest ? `${topic.slice(0, 40)}…` : topic;
  const text = `the topic ${JSON.stringify(start)} is no NATS subject: it ${fault}`;
  throw new ComponentError('invalid-request', text);
}
