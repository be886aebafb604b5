import type { Signer } from '../base/ed25519.ts';
import { FerryError } from '../base/errors.ts';
import { openSigner } from '../base/key-file.ts';
import { whyUnreadable } from '../base/private-file.ts';
import type { Io } from './io.ts';

/** What signs with the key of `--key FILE`. @throws FerryError `usage` where it cannot be used. */
export async function signerOf(file: string, io: Io): Promise<Signer> {
  try {
    return await openSigner(file, io.env['SSH_AUTH_SOCK']);
  } catch (error) {
    const hint = 'name a private key of Ed25519 (`ferry keygen` makes one), or a public one that an SSH agent holds';
    throw cannot('use the key', file, hint, error);
  }
}

/** Signs. @throws FerryError `usage` where it does not come to that: an SSH agent may refuse. */
export async function signing<T>(file: string, sign: () => Promise<T>): Promise<T> {
  try {
    return await sign();
  } catch (error) {
    throw cannot('sign with the key', file, 'see what the SSH agent says, then sign again', error);
  }
}

function cannot(op: string, subject: string, hint: string, cause: unknown): FerryError {
  return new FerryError({ fault: 'usage', op, subject, why: whyUnreadable(cause), hint, cause });
}
