import { readFileSync, statSync } from 'node:fs';
import { getCACertificates } from 'node:tls';
import {
  type Authenticator,
  type ConnectionOptions,
  jwtAuthenticator,
  nkeyAuthenticator,
  nkeys,
  type TlsOptions,
  tokenAuthenticator,
  usernamePasswordAuthenticator,
} from '@nats-io/transport-node';
import type { Config } from '../component/config.ts';
import { messageOf } from '../errors.ts';
import type { Logger } from '../log.ts';

const bytes = (text: string) => new TextEncoder().encode(text);

/**
 * How the client proves who it is. The first of these that is set: .creds, JWT and seed, nkey,
 * token, user and password, then user info in the URL. TLS comes on top of each.
 */
export function authentication(config: Config, log: Logger): Partial<ConnectionOptions> {
  const authenticator = choose(config, log);
  return { ...(authenticator && { authenticator }), ...tlsOptions(config) };
}

function choose(config: Config, log: Logger): Authenticator | undefined {
  if (config.credsFile) return fromCreds(reread(config.credsFile, log));
  if (config.creds) return fromCreds(() => parseCreds(config.creds as string));
  if (config.jwt) return jwtAuthenticator(config.jwt, bytes(config.seedKey ?? ''));
  if (config.nkeySeed) return nkeyAuthenticator(bytes(config.nkeySeed));
  if (config.token) return tokenAuthenticator(config.token);
  if (config.username) return usernamePasswordAuthenticator(config.username, config.password);
  const url = config.natsURL.find(({ username, token }) => username || token);
  if (url?.token) return tokenAuthenticator(url.token);
  return url?.username ? usernamePasswordAuthenticator(url.username, url.password) : undefined;
}

interface Creds {
  jwt: string;
  seed: string;
}

function fromCreds(read: () => Creds): Authenticator {
  return (nonce) => {
    const { jwt, seed } = read();
    return jwtAuthenticator(jwt, bytes(seed))(nonce);
  };
}

/**
 * Reads the file at each connect, so that rotated credentials count. A file that cannot be used
 * just then must not throw: the client would close the connection for good.
 */
function reread(path: string, log: Logger): () => Creds {
  let last = parseCreds(readSmallFile(path));
  return () => {
    try {
      last = parseCreds(readSmallFile(path));
    } catch (error) {
      log.warn(`${path} cannot be used, going on with what it held: ${messageOf(error)}`);
    }
    return last;
  };
}

/** Undefined: as the server asks for. Set: TLS or no connection. */
function tlsOptions(config: Config): { tls?: TlsOptions } {
  const { tls_client_cert: cert, tls_client_key: key, tls_ca_cert: ca } = config;
  if (!cert && !ca && !config.natsURL.some(({ tls }) => tls)) return {};
  const tls: TlsOptions = {};
  if (cert) Object.assign(tls, isPem(cert) ? { cert } : { certFile: cert });
  if (key) Object.assign(tls, isPem(key) ? { key } : { keyFile: key });
  if (ca) Object.assign(tls, isPem(ca) ? { ca } : { caFile: ca });
  // Node's own list alone would leave out what the operating system trusts.
  else
    Object.assign(tls, { ca: [...getCACertificates('default'), ...getCACertificates('system')] });
  return { tls };
}

/** More than any certificate or credentials need. Unit: bytes. */
const largestFile = 1024 * 1024;

/**
 * The text of a regular file. A pipe or a device would block the process, or fill its memory.
 *
 * @throws Error saying what is wrong
 */
export function readSmallFile(path: string): string {
  let found: ReturnType<typeof statSync>;
  try {
    found = statSync(path);
  } catch (error) {
    throw unreadable(error as NodeJS.ErrnoException);
  }
  if (!found?.isFile()) throw new Error('names something that is no regular file');
  if (found.size > largestFile) throw new Error('names a file of more than 1 MiB');
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw unreadable(error as NodeJS.ErrnoException);
  }
}

/** In a pod, or under `check`, its paths are easily taken for those of another place. */
function unreadable({ code }: NodeJS.ErrnoException): Error {
  return new Error(`names a file that cannot be read where this program runs (${code})`);
}

/** PEM in the field itself; anything else is a path. */
export function isPem(text: string): boolean {
  return text.includes('-----BEGIN ');
}

/** @throws Error saying what is wrong, without repeating the seed */
export function checkUserSeed(seed: string): void {
  // The library also takes one with something behind it.
  if (!/^[A-Z2-7]{58}$/.test(seed)) throw new Error('is no nkey seed');
  let publicKey: string;
  try {
    publicKey = nkeys.fromSeed(bytes(seed)).getPublicKey();
  } catch {
    throw new Error('is no nkey seed');
  }
  if (!publicKey.startsWith('U')) throw new Error('is not the seed of a user (SU...)');
}

/** @throws Error saying what is wrong, without repeating the JWT */
export function checkUserJwt(jwt: string): void {
  const [header, claims, signature, ...rest] = jwt.split('.');
  if (!header || !claims || !signature || rest.length > 0) throw new Error('is no JWT');
  let kind: unknown;
  try {
    JSON.parse(Buffer.from(header, 'base64url').toString());
    kind = JSON.parse(Buffer.from(claims, 'base64url').toString())?.nats?.type;
  } catch {
    throw new Error('is no JWT');
  }
  if (kind !== 'user') throw new Error('is not the JWT of a NATS user');
}

const section = /-{3,}[^\n]*-{3,}\s*\n([\s\S]+?)\n\s*-{3,}[^\n]*-{3,}/g;

/**
 * The two sections of a .creds file.
 *
 * @throws Error saying what is wrong, without repeating the contents
 */
export function parseCreds(creds: string): Creds {
  const [jwt, seed] = [...creds.matchAll(section)].map(([, body]) => body?.trim() ?? '');
  if (!jwt || !seed) throw new Error('does not hold the two sections of a .creds file');
  checkUserJwt(jwt);
  checkUserSeed(seed);
  return { jwt, seed };
}
