import { parseDuration } from '../duration.ts';
import {
  checkUserJwt,
  checkUserSeed,
  isPem,
  parseCreds,
  readSmallFile,
} from '../jetstream/credentials.ts';
import { publishFault, subscribeFault } from '../jetstream/subject.ts';

/** What a field's text is, for the documentation. */
export type Kind = 'string' | 'number' | 'bool' | 'duration';

/** Whether a field has a value when the metadata does not set it. */
export type Presence = 'required' | 'optional' | 'default';

/** How the text of a field becomes its value. */
export interface FieldType<Value = unknown, Known extends Presence = Presence> {
  readonly kind: Kind;
  /** The words that are allowed, where there are only a few. */
  readonly allowed?: readonly string[];
  readonly presence: Known;
  /** The value of a field that is not set. */
  readonly initial?: Value;
  /** @throws Error saying what is allowed, in words that follow the name and the value of the field */
  read(text: string): Value;
}

/** A type that is not yet used by a field. */
interface Reader<Value> extends FieldType<Value, 'required'> {
  optional(): FieldType<Value, 'optional'>;
  default(value: Value): FieldType<Value, 'default'>;
}

const reader = <Value>(
  read: (text: string) => Value,
  about: { kind: Kind; allowed?: readonly string[] } = { kind: 'string' },
): Reader<Value> => ({
  ...about,
  presence: 'required',
  read,
  optional: () => ({ ...about, presence: 'optional', read }),
  default: (initial) => ({ ...about, presence: 'default', initial, read }),
});

/** The server accepts at most 4096 bytes in its longest line. */
export const text = reader((value) => {
  if (value.length > 1024) throw new Error('must not be longer than 1024 characters');
  return value;
});

/** Milliseconds; `shortest` in them, too. */
export const duration = (least: 'positive' | 'zero or more', shortest = 0) =>
  reader(
    (value) => {
      const ms = parseDuration(value);
      if (ms < 0 || (ms === 0 && least === 'positive')) throw new Error(`must be ${least}`);
      if (ms > 0 && ms < shortest) throw new Error(`must be at least ${shortest}ms`);
      return ms;
    },
    { kind: 'duration' },
  );

export const durations = reader((value) => {
  const list = value.replace(/^\[(.*)\]$/s, '$1').split(',');
  return list.map((item) => {
    const ms = parseDuration(item.trim());
    // With 0 the server would never deliver an unsettled message again.
    if (ms < 1) throw new Error('must hold durations of at least 1ms');
    return ms;
  });
});

export const count = (least: number, most = Number.MAX_SAFE_INTEGER) =>
  reader(
    (value) => {
      const number = /^[+-]?\d+$/.test(value) ? Number(value) : Number.NaN;
      if (!Number.isSafeInteger(number) || number < least || number > most) {
        const range = most === Number.MAX_SAFE_INTEGER ? `from ${least}` : `${least} to ${most}`;
        throw new Error(`must be a whole number ${range}`);
      }
      return number;
    },
    { kind: 'number' },
  );

const truths = ['true', '1', 'yes', 'on', 't', 'y'];
const falsehoods = ['false', '0', 'no', 'off', 'f', 'n'];

export const flag = reader(
  (value) => {
    const word = value.toLowerCase();
    if (truths.includes(word)) return true;
    if (falsehoods.includes(word)) return false;
    throw new Error('must be true or false');
  },
  { kind: 'bool' },
);

export const oneOf = <const Words extends readonly string[]>(...words: Words) =>
  reader(
    (value): Words[number] => {
      const word = words.find((candidate) => candidate === value.toLowerCase());
      if (word === undefined) throw new Error(`must be one of ${words.join(', ')}`);
      return word;
    },
    { kind: 'string', allowed: words },
  );

/** A name as NATS takes it for streams and consumers. */
export const natsName = reader((value) => {
  if (value.length > 255) throw new Error('must not be longer than 255 characters');
  // biome-ignore lint/suspicious/noControlCharactersInRegex: exactly these are refused
  if (/[\s.*>/\\\u0000-\u001f\u007f]/.test(value)) {
    throw new Error('must not contain spaces, control characters or any of . * > / \\');
  }
  return value;
});

/** A value that `check` has looked at; it throws what is wrong. */
export const checked = (check: (value: string) => void) =>
  reader((value) => {
    check(value);
    return value;
  });

/** PEM, in the field itself or in the file it names. */
export const pem = checked((value) => {
  if (!isPem(value) && !isPem(readSmallFile(value))) throw new Error('names a file that is no PEM');
});

export const credsFile = checked((path) => void parseCreds(readSmallFile(path)));

export const publishSubject = checked((value) => {
  const fault = publishFault(value);
  if (fault) throw new Error(`is no NATS subject: it ${fault}`);
});

export const subjects = reader((value) => {
  const list = value.split(',').map((item) => item.trim());
  for (const item of list) {
    const fault = subscribeFault(item);
    if (fault) throw new Error(`must hold NATS subjects: one ${fault}`);
  }
  return list;
});

/** Parts of a subject that is put before others: no wildcards, no empty parts. */
export const prefix = reader((value) => {
  const trimmed = value.replace(/\.$/, '');
  if (/[\s*>]/.test(trimmed) || trimmed.split('.').includes('')) {
    throw new Error('must be a subject without wildcards');
  }
  return trimmed;
});

export interface ServerUrl {
  /** `host:port`, IPv6 in brackets. */
  address: string;
  tls: boolean;
  username?: string;
  password?: string;
  token?: string;
}

export const serverUrls = reader((value) => {
  const servers = value.split(',').map((item) => serverUrl(item.trim()));
  const users = servers.map(({ username, password, token }) => [username, password, token]);
  const given = users.filter((user) => user.some((part) => part !== undefined));
  if (new Set(given.map((user) => JSON.stringify(user))).size > 1) {
    throw new Error('must have the same user info in every address');
  }
  return servers;
});

function serverUrl(given: string): ServerUrl {
  const schemed = given.includes('://') ? given : `nats://${given}`;
  const scheme = schemed.slice(0, schemed.indexOf('://')).toLowerCase();
  if (scheme !== 'nats' && scheme !== 'tls') throw new Error('must start with nats:// or tls://');
  // A scheme the URL standard knows, so that host and port are checked and made canonical.
  const rest = schemed.slice(schemed.indexOf('://'));
  if (!URL.canParse(`ws${rest}`)) throw new Error('must look like nats://host:4222');
  const url = new URL(`ws${rest}`);
  if (!url.hostname || (url.pathname !== '/' && url.pathname !== '') || url.search || url.hash) {
    throw new Error('must look like nats://host:4222, with nothing behind the port');
  }
  // The standard drops a port that is its scheme's default, which is 80 for ws.
  const port = url.port || (/:80\/?$/.test(rest) ? '80' : '4222');
  const server: ServerUrl = { address: `${url.hostname}:${port}`, tls: scheme === 'tls' };
  const [user, password] = [decode(url.username), decode(url.password)];
  if (!user && password) throw new Error('has a password without a user name');
  // A colon behind the name, even with nothing behind it, makes it a user.
  const named = /^:\/\/[^@/]*:[^@/]*@/.test(rest);
  if (user && !named) server.token = user;
  else if (user) Object.assign(server, { username: user, password });
  return server;
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/** Also a name, but not of what is stored: dots are allowed. */
export const groupName = checked((value) => {
  if (value.length > 255 || /[\s*>]/.test(value) || value.split('.').includes('')) {
    throw new Error('must be one word of at most 255 characters, without * and >');
  }
});

export const userJwt = checked(checkUserJwt);
export const userSeed = checked(checkUserSeed);
export const creds = checked((value) => void parseCreds(value));
