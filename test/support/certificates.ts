import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { generate } from 'selfsigned';

export interface KeyAndCertificate {
  key: string;
  cert: string;
}

/** A certificate authority of the test's own, for servers and clients on loopback. */
export class Authority {
  readonly cert: string;
  readonly #key: string;

  private constructor({ key, cert }: KeyAndCertificate) {
    this.cert = cert;
    this.#key = key;
  }

  static async create(name = 'test authority'): Promise<Authority> {
    const { private: key, cert } = await generate([{ name: 'commonName', value: name }], {
      keyType: 'ec',
      algorithm: 'sha256',
      extensions: [
        { name: 'basicConstraints', cA: true, critical: true },
        { name: 'keyUsage', keyCertSign: true, digitalSignature: true, critical: true },
      ],
    });
    return new Authority({ key, cert });
  }

  /** A certificate for 127.0.0.1 and localhost, good for a server and for a client. */
  async issue(name: string): Promise<KeyAndCertificate> {
    const { private: key, cert } = await generate([{ name: 'commonName', value: name }], {
      keyType: 'ec',
      algorithm: 'sha256',
      ca: { key: this.#key, cert: this.cert },
      extensions: [
        { name: 'basicConstraints', cA: false },
        { name: 'keyUsage', digitalSignature: true, keyEncipherment: true },
        { name: 'extKeyUsage', serverAuth: true, clientAuth: true },
        {
          name: 'subjectAltName',
          altNames: [
            { type: 2, value: 'localhost' },
            { type: 7, ip: '127.0.0.1' },
          ],
        },
      ],
    });
    return { key, cert };
  }
}

/** Writes them as `<name>.key` and `<name>.crt`, and returns the paths. */
export async function writePair(
  folder: string,
  name: string,
  { key, cert }: KeyAndCertificate,
): Promise<KeyAndCertificate> {
  const paths = { key: join(folder, `${name}.key`), cert: join(folder, `${name}.crt`) };
  await writeFile(paths.key, key);
  await writeFile(paths.cert, cert);
  return paths;
}
