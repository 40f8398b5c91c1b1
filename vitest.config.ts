import { defineConfig } from 'vitest/config';

/** Each project may use so much time; none of it is spent waiting blindly. */
const project = (name: string, testTimeout: number) => ({
  test: { name, include: [`test/${name}/**/*.test.ts`], testTimeout, hookTimeout: testTimeout },
});

/** The integration tests for which it matters what serves gRPC, on grpc-js. */
const grpcJs = {
  test: {
    name: 'grpc-js',
    include: ['socket', 'wire', 'sessions', 'hostile'].map(
      (name) => `test/integration/${name}.test.ts`,
    ),
    env: { DAPR_NATS_JETSTREAM_GRPC_SERVER: 'grpc-js' },
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
};

export default defineConfig({
  test: {
    projects: [
      project('unit', 5_000),
      project('integration', 60_000),
      grpcJs,
      project('e2e', 120_000),
      project('conformance', 900_000),
      project('browser', 60_000),
      project('deploy', 120_000),
      project('compat', 120_000),
      project('container', 180_000),
      project('judges', 120_000),
      project('floods', 60_000),
    ],
    // Real servers and sidecars run beside the tests: more at once only makes all of them slower.
    maxWorkers: 2,
  },
});
