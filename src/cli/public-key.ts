import type { Ed25519PublicKey } from '../base/ed25519.ts';
import { FerryError } from '../base/errors.ts';
import { readPublicKey } from '../base/key-file.ts';
import { whyUnreadable } from '../base/private-file.ts';

/** The public key in a file that the command line names. @throws FerryError `usage`. */
export function publicKey(file: string): Ed25519PublicKey {
  try {
    return readPublicKey(file);
  } catch (error) {
    const hint = 'name the public key of whoever signed the evidence';
    throw new FerryError({ fault: 'usage', op: 'use the key', subject: file, why: whyUnreadable(error), hint });
  }
}
