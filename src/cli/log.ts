import { Writable } from 'node:stream';
import pino, { type Logger } from 'pino';
import { FerryError, messageOf } from '../base/errors.ts';
import { safeText } from '../base/safe-text.ts';
import type { GlobalOptions } from './io.ts';

const LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'];

/** Names under which a secret could ever stand in a log record. */
const SECRET_NAMES = ['secretAccessKey', 'sessionToken', 'authorization', 'password'];

/**
 * The NDJSON log: to `--log-file`, else to standard error where a level was asked for, else nowhere. Members that could hold a
 * secret are never written.
 */
export function makeLog(options: GlobalOptions): Logger {
  const level = options.logLevel ?? (options.logFile === undefined ? 'silent' : 'info');
  if (!LEVELS.includes(level)) {
    throw new FerryError({
      fault: 'usage',
      op: 'start the log',
      subject: '--log-level',
      why: `${JSON.stringify(level)} is no level`,
      hint: `use one of ${LEVELS.join(', ')}`,
    });
  }
  const redact = { paths: SECRET_NAMES.flatMap((name) => [name, `*.${name}`, `*.*.${name}`]), remove: true };
  return pino({ level, redact, base: { pid: process.pid } }, destination(options.logFile));
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
