import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { resolveBinary } from '../../tools/binaries.ts';
import { judgedServer, listen, type ServerKind } from '../support/grpc-servers.ts';
import { temporaryFolder } from '../support/temp.ts';
import { plainHttp2 } from './plain-http2.ts';

/** All groups of h2spec, with its strict cases. */
const total = 146;

/**
 * How many of them pass at least. Node's HTTP/2, on which grpc-js is built, passes 134 to 136: it answers some
 * requests before it has read what is wrong with them.
 */
const passing: Record<ServerKind, number> = { own: total, 'grpc-js': 130 };

test(`h2spec on the HTTP/2 layer of the ${judgedServer()} server`, async () => {
  const kind = judgedServer();
  const h2spec = await resolveBinary('h2spec');
  await using folder = await temporaryFolder();
  const report = join(folder.path, 'report.xml');
  const defects: unknown[] = [];
  const host = '127.0.0.1';
  await using listener = await listen(
    { host, port: 0 },
    plainHttp2(kind, (error) => defects.push(error)),
  );
  // Seconds that a case waits for an answer.
  const flags = ['-h', host, '-p', `${listener.port}`, '-o', '2', '--strict', '-j', report];
  // A failed case makes the exit status 1; the report says which.
  const { output } = await promisify(execFile)(h2spec, flags, { timeout: 100_000 }).then(
    ({ stdout }) => ({ output: stdout }),
    (error: { code: unknown; stdout: string }) => {
      if (error.code !== 1) throw error;
      return { output: error.stdout };
    },
  );
  const cases = readReport(await readFile(report, 'latin1'));
  expect(cases.length, output).toBe(total);
  const passed = cases.filter(({ passed }) => passed).length;
  expect(passed, output).toBeGreaterThanOrEqual(passing[kind]);
  expect(defects).toEqual([]);
});

/** Reads the results from a report in the format of JUnit. A case that was skipped has not passed. */
function readReport(xml: string): { passed: boolean }[] {
  const found = xml.matchAll(/<testcase [^>]*>(.*?)<\/testcase>/gs);
  return Array.from(found, ([, result]) => ({ passed: result?.trim() === '' }));
}
