import type { Fields } from './config.ts';

const pairs = [
  ['jwt', 'seedKey'],
  ['tls_client_cert', 'tls_client_key'],
  ['username', 'password'],
] as const;

/** Fields that are each right but do not go together: each a problem that keeps it from starting. */
export function contradictions(
  config: Partial<Fields>,
  elsewhere: readonly string[] = [],
): string[] {
  const has = (name: keyof Fields) =>
    config[name] !== undefined || elsewhere.includes(name.toLowerCase());
  const problems: string[] = [];
  for (const [one, other] of pairs) {
    if (has(one) !== has(other)) {
      problems.push(`${one}, ${other}: must be given together`);
    }
  }
  if (config.creds && config.credsFile) problems.push('creds, credsFile: give one of them');
  const { deliverPolicy, maxDeliver, backOff } = config;
  if (deliverPolicy === 'sequence' && config.startSequence === undefined) {
    problems.push('deliverPolicy: "sequence" needs startSequence');
  }
  if (deliverPolicy === 'time' && config.startTime === undefined) {
    problems.push('deliverPolicy: "time" needs startTime');
  }
  if (backOff && maxDeliver !== undefined && maxDeliver > 0 && maxDeliver < backOff.length) {
    problems.push(
      `maxDeliver: "${maxDeliver}" must not be smaller than the ${backOff.length} delays of backOff`,
    );
  }
  if (config.queueGroupName?.includes('.') && config.durableName === undefined) {
    problems.push('queueGroupName: with a dot it cannot name the durable: set durableName');
  }
  return problems;
}

/** The order in which a method of authentication is chosen. */
const authenticationOrder = ['credsFile', 'creds', 'jwt', 'nkeySeed', 'token', 'username'] as const;

const pushFields = ['flowControl', 'heartbeat', 'rateLimit', 'queueGroupName'] as const;

const streamFields = [
  'streamSubjects',
  'streamStorage',
  'streamReplicas',
  'streamRetention',
  'streamMaxAge',
  'streamMaxBytes',
  'duplicateWindow',
] as const;

/** Fields that do nothing beside the others: each a warning. */
export function withoutEffect(config: Partial<Fields>): string[] {
  const warnings: string[] = [];
  const set = (name: keyof Fields) => config[name] !== undefined && config[name] !== false;
  const none = (name: keyof Fields, why: string) => {
    if (set(name)) warnings.push(`${name} has no effect: ${why}`);
  };
  const [used, ...unused] = authenticationOrder.filter(set);
  for (const name of unused) none(name, `${used} is used to authenticate`);
  if (config.consumerType === 'pull') {
    for (const name of pushFields.slice(0, 3)) none(name, 'consumerType is pull');
  }
  if (config.queueGroupName && config.consumerType !== 'pull') {
    for (const name of ['flowControl', 'heartbeat'] as const) {
      none(name, 'NATS allows it with no deliver group (queueGroupName)');
    }
  }
  if (config.ephemeral) none('durableName', 'ephemeral is true');
  if (config.apiPrefix) none('domain', 'apiPrefix wins');
  if (config.ackPolicy === 'none') none('maxAckPending', 'ackPolicy is none');
  if (config.streamManagement === 'none') {
    for (const name of streamFields) none(name, 'streamManagement is none');
  }
  return warnings;
}
