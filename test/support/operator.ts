import { randomUUID } from 'node:crypto';
import { nkeys } from '@nats-io/transport-node';

type KeyPair = ReturnType<typeof nkeys.createUser>;

/** What a server in operator mode and a user of it need: keys and JWTs of this test's own making. */
export interface OperatorMode {
  /** Configuration of the server. */
  config: string;
  user: { jwt: string; seed: string; creds: string };
}

const unlimited = -1;

/** An operator with one account that has JetStream, and a user in it. */
export function createOperator(): OperatorMode {
  const operator = nkeys.createOperator();
  const account = nkeys.createAccount();
  const user = nkeys.createUser();
  const limits = Object.fromEntries(
    ['subs', 'data', 'payload', 'imports', 'exports', 'conn', 'leaf', 'mem_storage', 'disk_storage']
      .concat('streams', 'consumer')
      .map((name) => [name, unlimited]),
  );
  const system = nkeys.createAccount();
  const systemKey = system.getPublicKey();
  const operatorJwt = sign(operator, operator, 'operator', { system_account: systemKey });
  const accountJwt = sign(operator, account, 'account', { limits: { ...limits, wildcards: true } });
  // JetStream is for every account but the system's.
  const { mem_storage, disk_storage, streams, consumer, ...core } = limits;
  const systemJwt = sign(operator, system, 'account', { limits: { ...core, wildcards: true } });
  const userJwt = sign(account, user, 'user', { subs: -1, data: -1, payload: -1 });
  const seed = new TextDecoder().decode(user.getSeed());
  return {
    config: [
      `operator: ${operatorJwt}`,
      'resolver: MEMORY',
      `resolver_preload: { ${account.getPublicKey()}: ${accountJwt}, ${systemKey}: ${systemJwt} }`,
    ].join('\n'),
    user: { jwt: userJwt, seed, creds: credsOf(userJwt, seed) },
  };
}

function sign(issuer: KeyPair, subject: KeyPair, type: string, nats: object): string {
  const header = { typ: 'JWT', alg: 'ed25519-nkey' };
  const claims = {
    jti: randomUUID(),
    iat: Math.floor(Date.now() / 1000),
    iss: issuer.getPublicKey(),
    sub: subject.getPublicKey(),
    name: type,
    nats: { ...nats, type, version: 2 },
  };
  const text = [header, claims].map((part) => base64url(JSON.stringify(part))).join('.');
  return `${text}.${base64url(issuer.sign(Buffer.from(text)))}`;
}

function base64url(data: string | Uint8Array): string {
  return Buffer.from(data).toString('base64url');
}

function credsOf(jwt: string, seed: string): string {
  const part = (name: string, body: string) =>
    `-----BEGIN ${name}-----\n${body}\n------END ${name}------\n\n`;
  return part('NATS USER JWT', jwt) + part('USER NKEY SEED', seed);
}
