import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { status } from '@grpc/grpc-js';
import { nkeys } from '@nats-io/transport-node';
import { expect, test } from 'vitest';
import { Authority, writePair } from '../support/certificates.ts';
import { startComponent } from '../support/component.ts';
import { Host } from '../support/host.ts';
import { NatsServer } from '../support/nats-server.ts';
import { createOperator } from '../support/operator.ts';
import { temporaryFolder } from '../support/temp.ts';

/** What each method of authentication gives the server and the Component. */
function methods() {
  const { config, user } = createOperator();
  const pair = nkeys.createUser();
  const nkeySeed = new TextDecoder().decode(pair.getSeed());
  return {
    none: { config: '', good: {}, bad: undefined },
    token: {
      config: 'authorization { token: "t0ken" }',
      good: { token: 't0ken' },
      bad: { token: 'wr0ng' },
    },
    user: {
      config: 'authorization { user: joe, password: "p4ss" }',
      good: { username: 'joe', password: 'p4ss' },
      bad: { username: 'joe', password: 'wr0ng' },
    },
    nkey: {
      config: `authorization { users: [ { nkey: ${pair.getPublicKey()} } ] }`,
      good: { nkeySeed },
      bad: { nkeySeed: new TextDecoder().decode(nkeys.createUser().getSeed()) },
    },
    jwt: {
      config,
      good: { jwt: user.jwt, seedKey: user.seed },
      bad: { jwt: createOperator().user.jwt, seedKey: user.seed },
    },
    creds: { config, good: { creds: user.creds }, bad: { creds: createOperator().user.creds } },
  };
}

type Properties = Record<string, string>;

test.each(['none', 'token', 'user', 'nkey', 'jwt', 'creds'] as const)(
  '%s: the right one gets in, a wrong one is UNAUTHENTICATED, with and without TLS',
  async (name) => {
    const { config, good, bad } = methods()[name];
    await using folder = await temporaryFolder();
    const authority = await Authority.create();
    const server = await writePair(folder.path, 'server', await authority.issue('server'));
    const tls = `tls { cert_file: "${server.cert}", key_file: "${server.key}" }`;
    const ca: Properties = { tls_ca_cert: authority.cert };
    await using component = await startComponent({ folder: folder.path });
    for (const [serverConfig, more] of [
      [config, {}],
      [`${config}\n${tls}`, ca],
    ] as const) {
      await using nats = await NatsServer.start({ config: serverConfig, client: false });
      const init = async (properties: Properties) => {
        using host = new Host(component.socket);
        await host.init({ natsURL: nats.url, ...more, ...properties });
      };
      await init(good as Properties);
      if (bad) {
        const refused = await init(bad as Properties).catch((error) => error);
        expect(refused).toMatchObject({ code: status.UNAUTHENTICATED });
        for (const secret of Object.values(bad)) expect(refused.details).not.toContain(secret);
      }
    }
    const log = component.lines.join('\n');
    for (const secret of [...Object.values(good), ...Object.values(bad ?? {})]) {
      if (secret !== 'joe') expect(log).not.toContain(secret);
    }
  },
);

test('a .creds file is read again at each connect', async () => {
  const [before, after] = [createOperator(), createOperator()];
  await using folder = await temporaryFolder();
  const credsFile = join(folder.path, 'user.creds');
  await writeFile(credsFile, before.user.creds);
  await using nats = await NatsServer.start({ config: before.config, client: false });
  await using component = await startComponent({ folder: folder.path });
  using host = new Host(component.socket);
  await host.init({ natsURL: nats.url, credsFile });
  await nats.stop();
  await component.line(/lost the connection/);

  // The operator's keys change, and the file with them; for a moment it holds nonsense.
  await nats.configure(after.config);
  await nats.startAgain();
  await component.line(/NATS: .*[Aa]uthorization/);
  await writeFile(credsFile, 'nonsense');
  await component.line(/user\.creds cannot be used, going on with what it held/);
  await writeFile(`${credsFile}.new`, after.user.creds);
  await rename(`${credsFile}.new`, credsFile);
  await component.line(/reconnected to NATS/);
});

test('client certificates and the CA are read again at each connect', async () => {
  await using folder = await temporaryFolder();
  const [before, after] = [await Authority.create(), await Authority.create('another')];
  const settings = async (authority: Authority) => {
    await writePair(folder.path, 'server', await authority.issue('server'));
    await writeFile(join(folder.path, 'ca.crt'), authority.cert);
  };
  const client = await writePair(folder.path, 'client', await before.issue('client'));
  const ca = join(folder.path, 'client-ca.crt');
  await writeFile(ca, before.cert);
  await settings(before);
  const at = (file: string) => JSON.stringify(join(folder.path, file));
  const config = `tls {
    cert_file: ${at('server.crt')}, key_file: ${at('server.key')}, ca_file: ${at('ca.crt')}
    verify: true
  }`;
  await using nats = await NatsServer.start({ config, client: false });
  await using component = await startComponent({ folder: folder.path });
  using host = new Host(component.socket);
  const tls = { tls_client_cert: client.cert, tls_client_key: client.key, tls_ca_cert: ca };
  await host.init({ natsURL: nats.url, ...tls });
  await nats.stop();
  await settings(after);
  await nats.startAgain();
  await writePair(folder.path, 'client', await after.issue('client'));
  await writeFile(ca, after.cert);
  await component.line(/reconnected to NATS/);
});

test('a server certificate of an unknown CA is refused; the name must fit', async () => {
  await using folder = await temporaryFolder();
  const [known, unknown] = [await Authority.create(), await Authority.create('unknown')];
  const server = await writePair(folder.path, 'server', await unknown.issue('server'));
  const config = `tls { cert_file: "${server.cert}", key_file: "${server.key}" }`;
  await using nats = await NatsServer.start({ config, client: false });
  await using component = await startComponent({ folder: folder.path });
  using host = new Host(component.socket);
  for (const tls_ca_cert of [known.cert, '']) {
    await expect(host.init({ natsURL: nats.url, tls_ca_cert })).rejects.toMatchObject({
      code: status.UNAVAILABLE,
      details: expect.stringMatching(/certificate/),
    });
  }
  await host.init({ natsURL: nats.url, tls_ca_cert: unknown.cert });
});

test('a client certificate as PEM in the field', async () => {
  await using folder = await temporaryFolder();
  const authority = await Authority.create();
  const server = await writePair(folder.path, 'server', await authority.issue('server'));
  const ca = join(folder.path, 'ca.crt');
  await writeFile(ca, authority.cert);
  const config = `tls {
    cert_file: "${server.cert}", key_file: "${server.key}", ca_file: "${ca}", verify: true
  }`;
  await using nats = await NatsServer.start({ config, client: false });
  await using component = await startComponent({ folder: folder.path });
  using host = new Host(component.socket);
  const { cert, key } = await authority.issue('client');
  const pem = { tls_client_cert: cert, tls_client_key: key, tls_ca_cert: authority.cert };
  await expect(host.init({ natsURL: nats.url, tls_ca_cert: authority.cert })).rejects.toThrow();
  await host.init({ natsURL: nats.url, ...pem });
});

test('what the operating system trusts is trusted', async () => {
  await using folder = await temporaryFolder();
  const authority = await Authority.create();
  const server = await writePair(folder.path, 'server', await authority.issue('server'));
  const ca = join(folder.path, 'system.crt');
  await writeFile(ca, authority.cert);
  const config = `tls { cert_file: "${server.cert}", key_file: "${server.key}" }`;
  await using nats = await NatsServer.start({ config, client: false });
  await using component = await startComponent({
    folder: folder.path,
    env: { SSL_CERT_FILE: ca },
  });
  using host = new Host(component.socket);
  await host.init({ natsURL: `tls://127.0.0.1:${nats.port}` });
});
