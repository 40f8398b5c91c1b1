import type { Logger } from 'pino';

export type { Logger };

/** The levels daprd knows, from the most to the least talkative. */
export const logLevels = ['debug', 'info', 'warn', 'error', 'fatal'] as const;
export type LogLevel = (typeof logLevels)[number];

/**
 * The process' log, on standard output: one JSON object a line, with the keys `level`, `time`
 * and `msg` as daprd writes them, or coloured lines where `pretty` is set (a person's terminal).
 */
export async function createLog(level: LogLevel, pretty: boolean): Promise<Logger> {
  // Loaded only here: a health check reads the command line, which knows the levels, and logs nothing.
  const { pino } = await import('pino');
  const options = {
    level,
    base: { scope: 'dapr-nats-jetstream' },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
  };
  if (!pretty) return pino(options, pino.destination({ dest: 1, sync: true }));
  // Loaded only here: a container never pays for it at start.
  const { default: prettyStream } = await import('pino-pretty');
  return pino(
    options,
    prettyStream({ sync: true, ignore: 'scope', translateTime: 'HH:MM:ss.l', singleLine: true }),
  );
}
