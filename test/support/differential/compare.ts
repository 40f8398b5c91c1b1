import { code } from '../../../src/grpc/status.ts';
import { type ClientView, type Plan, paths, type ServerView } from './plan.ts';

/** What became of a call on one server. */
export interface Outcome {
  client: ClientView;
  server: ServerView;
}

/**
 * What a library says in its own words, where gRPC leaves the text to it. On the left this server, on the right
 * grpc-js.
 */
const words: readonly [own: RegExp, grpcJs: RegExp][] = [
  // An unknown method.
  [/^the server does not have \/\S+$/, /^The server does not implement the method \/\S+$/],
  // A message that the method's codec refuses.
  [/^the request cannot be decoded: undecodable$/, /^Error deserializing request$/],
  // A unary call with no request or with several.
  [/^a unary call without a request$/, /^Received no request message for .* method \S+$/],
  [
    /^more than one request in a unary call$/,
    /^Received a second request message for .* method \S+$/,
  ],
  // A timeout: either the server or the client's own clock says so, whichever is first.
  [
    /^(the call took longer than its timeout|Deadline exceeded after .*)$/,
    /^Deadline exceeded( after .*)?$/,
  ],
];

/** This server sends no more of a message. Unit: UTF-16 code units. */
const longestMessage = 4_096;

/** Returns what the two outcomes of a plan should have in common, in comparable form. */
export function comparable(plan: Plan, own: Outcome, grpcJs: Outcome): [unknown, unknown] {
  const [ownDetails, grpcJsDetails] = sameDetails(own.client, grpcJs.client);
  const [ownMessages, grpcJsMessages] = sameMessages(own.client, grpcJs.client);
  const [ownServer, grpcJsServer] = sameServer(plan, own.server, grpcJs.server);
  const [ownMetadata, grpcJsMetadata] = sameMetadata(plan, own.client, grpcJs.client);
  return [
    {
      ...own.client,
      details: ownDetails,
      messages: ownMessages,
      metadata: ownMetadata,
      server: ownServer,
    },
    {
      ...grpcJs.client,
      details: grpcJsDetails,
      messages: grpcJsMessages,
      metadata: grpcJsMetadata,
      server: grpcJsServer,
    },
  ];
}

function sameDetails(own: ClientView, grpcJs: ClientView): [string, string] {
  // With OK grpc-js sends the message "OK", which clients do not show. This server sends none.
  if (own.code === code.OK && own.details === '' && grpcJs.details === 'OK') return ['', ''];
  const known = words.some(([mine, its]) => mine.test(own.details) && its.test(grpcJs.details));
  if (known) return ['(own words)', '(own words)'];
  // A client bounds what it takes as headers, so this server cuts long messages.
  if (own.details.length === longestMessage) {
    return [own.details, grpcJs.details.slice(0, longestMessage)];
  }
  return [own.details, grpcJs.details];
}

function sameMetadata(plan: Plan, { code: ended, metadata: own }: ClientView, grpcJs: ClientView) {
  const { metadata: its } = grpcJs;
  // A client that gives up may do so before it comes.
  if (isCut(plan) && !(own && its)) return [undefined, undefined];
  // A call that ends with OK and without a message: grpc-js sends trailers alone, which gRPC has for errors.
  if (ended === code.OK && own && Object.keys(own).length === 0 && !its) return [its, its];
  return [own, its];
}

/** The client drops messages that it has not handed on when a call fails: how many depends on time. */
function sameMessages(own: ClientView, grpcJs: ClientView): [string[], string[]] {
  if (own.code === code.OK || own.code !== grpcJs.code) return [own.messages, grpcJs.messages];
  const both = Math.min(own.messages.length, grpcJs.messages.length);
  return [own.messages.slice(0, both), grpcJs.messages.slice(0, both)];
}

function sameServer(plan: Plan, own: ServerView, grpcJs: ServerView): [unknown, unknown] {
  if (isCut(plan)) {
    // A call that its client gives up may not have come, and of its messages only some may.
    if (!own.called || !grpcJs.called) return [{}, {}];
    const both = Math.min(own.messages.length, grpcJs.messages.length);
    const cut = (view: ServerView) => ({
      ...view,
      messages: view.messages.slice(0, both),
      ended: false,
    });
    return [cut(own), cut(grpcJs)];
  }
  const { sent, closed } = certain(plan);
  const throws = plan.steps.some((step) => step.do === 'throw');
  const seen = (view: ServerView) => ({
    ...view,
    messages: view.messages.slice(0, sent),
    ended: closed && view.ended,
    // After an error that a handler throws, this server calls the handler's onCancel too.
    cancelled: !throws && view.cancelled,
  });
  return [seen(own), seen(grpcJs)];
}

/**
 * What the client has sent that the handler sees in any case. What it sends after the handler's end, or after a pause
 * that lasts, may come before that if the handler waits for room first. And this server tells of the half-close also
 * while the handler has paused, if no message waits before it.
 */
function certain({ path, steps }: Plan): { sent: number; closed: boolean } {
  let now = { sent: 0, closed: false };
  let paused: typeof now | undefined;
  for (const { by, do: what } of steps) {
    if (what === 'end' || what === 'throw') break;
    if (what === 'send') now = { ...now, sent: now.sent + 1 };
    if (what === 'halfClose') now = { ...now, closed: true };
    if (by === 'server' && what === 'pause') paused ??= now;
    if (by === 'server' && what === 'resume') paused = undefined;
  }
  return path === paths.streaming && paused ? paused : now;
}

/** Whether the client ends the call by itself: what has come by then depends on time. */
export function isCut({ steps, timeout }: Plan): boolean {
  const end = steps.find(
    (step) => step.do === 'end' || step.do === 'throw' || step.do === 'cancel',
  );
  return end ? end.do === 'cancel' : timeout !== undefined && timeout < 1_000;
}
