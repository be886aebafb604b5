import { Writable } from 'node:stream';
import pino, { type Logger } from 'pino';
import { FerryError, messageOf } from '../base/errors.ts';
import { safeText } from '../base/safe-text.ts';
import { withoutSecrets } from '../base/secrets.ts';
import type { GlobalOptions } from './io.ts';
import { withoutSecretNames } from './log-record.ts';

export const LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;

/**
 * The NDJSON log: to `--log-file`, else to standard error where a level was asked for, else nowhere. No secret is written: neither
 * what stands under a name of one, at any depth, nor a value that is known as one, wherever it stands.
 */
export function makeLog(options: GlobalOptions): Logger {
  const level = options.logLevel ?? (options.logFile === undefined ? 'silent' : 'info');
  if (!LEVELS.some((one) => one === level)) {
    throw new FerryError({
      fault: 'usage',
      op: 'start the log',
      subject: '--log-level',
      why: `${JSON.stringify(level)} is no level`,
      hint: `use one of ${LEVELS.join(', ')}`,
    });
  }
  const formatters = { log: withoutSecretNames };
  // What it would make of an error is done by then.
  const serializers = { err: (error: unknown) => error };
  return pino(
    { level, formatters, serializers, hooks: { streamWrite: withoutSecrets }, base: { pid: process.pid } },
    destination(options.logFile),
  );
}

function destination(file: string | undefined): pino.DestinationStream {
  if (file === undefined) {
    return new Writable({
      write: (chunk: Buffer, _encoding, done) => {
        process.stderr.write(safeText(chunk.toString()), () => done());
      },
    });
  }
  try {
    return pino.destination({ dest: file, append: true, mkdir: true, sync: true, mode: 0o600 });
  } catch (error) {
    throw new FerryError({
      fault: 'usage',
      op: 'open the log',
      subject: file,
      why: messageOf(error),
      hint: 'name a file that you may write',
      cause: error,
    });
  }
}
