import fc from 'fast-check';
import { type Code, code } from '../../../src/grpc/status.ts';
import { type Ending, type Entries, type Plan, paths, type Size, type Step } from './plan.ts';

/** Sizes at and around those that frames, windows and buffers have, and the ones between. */
const size = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(0, 1, 2, 5, 100) },
  { weight: 4, arbitrary: fc.integer({ min: 0, max: 2_000 }) },
  { weight: 2, arbitrary: fc.integer({ min: 16_370, max: 16_390 }) },
  { weight: 2, arbitrary: fc.integer({ min: 65_500, max: 65_540 }) },
  { weight: 2, arbitrary: fc.integer({ min: 2_000, max: 200_000 }) },
  { weight: 1, arbitrary: fc.integer({ min: 2 ** 20 - 10, max: 2 ** 20 + 70_000 }) },
);

const name = fc
  .tuple(fc.constantFrom('x-a', 'x-b', 'x_c', 'x.d', 'x-0', 'traceparent', 'y'), fc.nat(2))
  .map(([start, number]) => `${start}${number}`);

/** Printable ASCII, as gRPC allows it; white space at its ends is not allowed by HTTP/2. */
const text = fc
  .oneof(
    fc.string({ unit: 'grapheme-ascii', maxLength: 40 }),
    fc.constantFrom('', 'a,b', 'a, b', ',', '%41', '"', 'a;b=c', 'x'.repeat(300)),
  )
  .map((value) => value.trim());

const bytes = fc.oneof(
  fc.uint8Array({ maxLength: 40 }).map((value) => Buffer.from(value)),
  fc.constantFrom(Buffer.alloc(0), Buffer.alloc(1), Buffer.alloc(2, 0xff), Buffer.alloc(300, 0x2c)),
);

const entries: fc.Arbitrary<Entries> = fc.array(
  fc.oneof(
    fc.tuple(name, text),
    fc.tuple(
      name.map((start) => `${start}-bin`),
      bytes,
    ),
  ),
  { maxLength: 5 },
);

/** The last is longer than what this server sends. */
const long = ['x'.repeat(4_096), '€'.repeat(1_000), 'x'.repeat(5_000)];

const message = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 40 }),
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.constantFrom(
    '',
    '%',
    '100%',
    '%41',
    '%zz',
    'a\0b\r\nc\td\x7f',
    'ü€😀',
    '\ud800 alone',
    ' a ',
    ' ',
  ),
  fc.constantFrom('#,;/?:@&=+$', '\ta', ...long),
);

const errorCodes = Object.values(code).filter((value) => value !== code.OK);

const ending: fc.Arbitrary<Ending> = fc.record({
  code: fc.oneof(fc.constant<Code>(code.OK), fc.constantFrom(...errorCodes)),
  message,
  trailers: entries,
});

const end = ending.map((ending): Step => ({ by: 'server', do: 'end', ending }));
const halfClose: Step = { by: 'client', do: 'halfClose' };
const send = (of: Size): Step => ({ by: 'client', do: 'send', size: of });
const write = fc
  .tuple(size, fc.boolean())
  .map(([size, wait]): Step => ({ by: 'server', do: 'write', size, wait }));
const metadata = entries.map((entries): Step => ({ by: 'server', do: 'metadata', entries }));
const cancel = fc.boolean().map((called): Step => ({ by: 'client', do: 'cancel', called }));

const step = fc.oneof(
  { weight: 8, arbitrary: size.map(send) },
  { weight: 8, arbitrary: write },
  { weight: 1, arbitrary: metadata },
  {
    weight: 4,
    arbitrary: fc
      .tuple(fc.constantFrom('client', 'server'), fc.constantFrom('pause', 'resume'))
      .map(([by, what]) => ({ by, do: what }) as Step),
  },
);

/** How a conversation ends. Without a step that ends it, its timeout does. */
const conclusion = fc.oneof(
  { weight: 8, arbitrary: end.map((one) => [one]) },
  { weight: 2, arbitrary: cancel.map((one) => [one]) },
  { weight: 1, arbitrary: fc.constant<Step[]>([{ by: 'server', do: 'throw' }]) },
  { weight: 1, arbitrary: fc.constant<Step[]>([send('undecodable')]) },
  { weight: 1, arbitrary: fc.constant<Step[]>([]) },
);

// Above 2^31 ms grpc-js computes a negative timeout, and answers DEADLINE_EXCEEDED at once.
const timeout = fc.option(fc.constantFrom(60_000, 10 ** 9), { nil: undefined, freq: 3 });

const common = { metadata: entries, later: fc.boolean() };

/** A unary call as it is meant to be. */
const unary: fc.Arbitrary<Plan> = fc
  .record({
    ...common,
    timeout,
    request: fc.oneof(
      { weight: 20, arbitrary: size as fc.Arbitrary<Size> },
      fc.constant<Size>('undecodable'),
    ),
    initial: fc.option(metadata),
    answer: write,
    conclusion,
  })
  .map(({ request, initial, answer, conclusion, timeout, ...rest }) => ({
    ...rest,
    path: paths.unary,
    client: 'unary',
    timeout,
    steps: [
      send(request),
      halfClose,
      ...(initial ? [initial] : []),
      answer,
      ...conclusion.filter(isNoSend),
    ],
  }));

/** A unary method called with no request, with several, or with one that the client is slow to end. */
const unaryAsStream: fc.Arbitrary<Plan> = fc
  .record({ ...common, timeout, requests: fc.array(size, { maxLength: 3 }), answer: write, end })
  .map(({ requests, answer, end, ...rest }) => ({
    ...rest,
    path: paths.unary,
    client: 'bidi',
    steps: [...requests.map(send), halfClose, answer, end],
  }));

const streaming: fc.Arbitrary<Plan> = fc
  .record({
    ...common,
    timeout,
    client: fc.constantFrom('bidi', 'bidi', 'bidi', 'clientStream', 'serverStream'),
    body: fc.array(step, { maxLength: 10 }),
    /** Where in the body the client half-closes: before anything, between, or after the end. */
    closeAt: fc.nat(14),
    conclusion,
    afterwards: fc.array(size, { maxLength: 3 }),
  })
  .map(({ body, closeAt, conclusion, afterwards, timeout, client, later, ...rest }) => {
    const all = [...body, ...conclusion, ...afterwards.map(send)];
    all.splice(Math.min(closeAt, all.length), 0, halfClose);
    const bad = all.some((step) => step.do === 'send' && step.size === 'undecodable');
    // grpc-js decodes what has come while the handler has paused, this server does not. And a call whose request
    // grpc-js refuses never ends there if the client has paused and more than one response waits.
    const steps = possible(bad ? all.filter((step) => step.do !== 'pause') : all, client);
    return {
      ...rest,
      path: paths.streaming,
      client: client as Plan['client'],
      timeout,
      // The call is over before a later step, if its request is refused at once.
      later: later && !bad,
      steps,
    };
  });

const unknown: fc.Arbitrary<Plan> = fc
  .record({
    ...common,
    timeout,
    path: fc.constantFrom('/differential.Test/None', '/x', '/a/b/c'),
    request: size,
  })
  .map(({ request, ...rest }) => ({ ...rest, client: 'unary', steps: [send(request), halfClose] }));

export const plans: fc.Arbitrary<Plan> = fc
  .oneof(
    { weight: 6, arbitrary: unary },
    { weight: 2, arbitrary: unaryAsStream },
    { weight: 10, arbitrary: streaming },
    { weight: 1, arbitrary: unknown },
  )
  .map((plan) => (ends(plan) ? plan : { ...plan, timeout: 40 }));

/** Whether the call ends by what client and handler do, not by its timeout. */
function ends({ path, steps }: Plan): boolean {
  const known = Object.values(paths).includes(path);
  return (
    !known ||
    steps.some((step) =>
      step.do === 'send' ? step.size === 'undecodable' : /^(end|throw|cancel)$/.test(step.do),
    )
  );
}

const isNoSend = (step: Step) => step.do !== 'send';

/** Leaves out what a client of that kind cannot do, and what cannot come after a half-close or an end. */
function possible(steps: readonly Step[], client: string): Step[] {
  const single = client === 'serverStream';
  const begin = single ? [send(0), halfClose] : [];
  let closed = single;
  let ended = false;
  let written = 0;
  const kept = steps.filter((step) => {
    if (ended && step.by === 'server') return false;
    // A client that expects one response cancels at the second: what the handler sees then depends on time.
    if (step.do === 'write' && client === 'clientStream' && written++ > 0) return false;
    if (step.by === 'server') ended = step.do === 'end' || step.do === 'throw';
    else if (step.do === 'send' || step.do === 'halfClose') {
      if (closed) return false;
      closed = step.do === 'halfClose';
    }
    return true;
  });
  return [...begin, ...kept];
}
