import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { FerryError, messageOf } from '../../base/errors.ts';
import { keepSecret } from '../../base/secrets.ts';
import type { CustomerKeySpec } from '../../plan/types.ts';

/** What AES-256 takes. */
const KEY_BYTES = 32;

/** More than a key as base64 with the end of its line. */
const LONGEST_FILE = 64;

interface CustomerKey {
  readonly key: Buffer;
  /** The variable or file that it is from, for messages. */
  readonly from: string;
}

/**
 * The key of SSE-C (https://docs.aws.amazon.com/AmazonS3/latest/userguide/ServerSideEncryptionCustomerKeys.html). A file that
 * others than its owner may read or write is refused, as ssh does with its keys.
 *
 * @throws FerryError `usage` where it is missing or no key; the message repeats nothing of it.
 */
export function customerKey(
  store: string,
  spec: CustomerKeySpec,
  env: Readonly<Record<string, string | undefined>>,
): CustomerKey {
  const found =
    spec.keyFile === undefined ? fromVariable(store, spec.keyEnv, env[spec.keyEnv]) : fromFile(store, spec.keyFile);
  keepSecret(found.key);
  return found;
}

function fromVariable(store: string, name: string, value: string | undefined): CustomerKey {
  if (value === undefined) throw noKey(store, `the environment variable ${name} is not set`);
  const key = decoded(value);
  if (key === undefined) throw noKey(store, `${name} does not hold ${KEY_BYTES} bytes as base64`);
  return { key, from: name };
}

function fromFile(store: string, file: string): CustomerKey {
  const from = `the file ${file}`;
  let bytes: Buffer;
  try {
    bytes = readPrivate(file);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    const why = code === 'ENOENT' || code === 'ENOTDIR' ? 'there is no such file' : messageOf(error);
    throw noKey(store, `${from} cannot be used: ${why}`, error);
  }
  const key = bytes.byteLength === KEY_BYTES ? bytes : decoded(bytes.toString('latin1'));
  if (key === undefined) throw noKey(store, `${from} holds neither ${KEY_BYTES} bytes nor these as base64`);
  return { key, from };
}

/** Looks at the very file that it then reads. Does not wait for the other end of a pipe. */
function readPrivate(file: string): Buffer {
  const fd = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const facts = fstatSync(fd);
    if (!facts.isFile()) throw new Error('it is not a file');
    if ((facts.mode & 0o077) !== 0) {
      const mode = (facts.mode & 0o777).toString(8).padStart(4, '0');
      throw new Error(`others than its owner have rights to it (mode ${mode}); set them with \`chmod 600\``);
    }
    const bytes = Buffer.alloc(LONGEST_FILE);
    return bytes.subarray(0, readSync(fd, bytes, 0, LONGEST_FILE, 0));
  } finally {
    closeSync(fd);
  }
}

/** Base64 or base64url, with or without padding, and nothing but blanks around it. */
function decoded(text: string): Buffer | undefined {
  const plain = text.trim();
  if (!/^[A-Za-z0-9+/_-]{43}=?$/.test(plain)) return undefined;
  const key = Buffer.from(plain, 'base64');
  return key.byteLength === KEY_BYTES ? key : undefined;
}

function noKey(store: string, why: string, cause?: unknown): FerryError {
  return new FerryError({
    fault: 'usage',
    op: 'find the encryption key',
    subject: store,
    why,
    hint: 'make a key with `openssl rand -base64 32` and keep it: without it the objects cannot be read again',
    ...(cause === undefined ? {} : { cause }),
  });
}
