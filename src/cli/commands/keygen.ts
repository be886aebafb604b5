import { existsSync } from 'node:fs';
import { basename } from 'node:path';
import { newKeyPair } from '../../base/ed25519.ts';
import { FerryError } from '../../base/errors.ts';
import type { GlobalOptions, Io, Verdict } from '../io.ts';
import { writeNewFile } from '../new-file.ts';

export interface KeygenOptions extends GlobalOptions {
  readonly out: string;
}

/** `ferry keygen`: an Ed25519 key pair in two new files. */
export async function keygen({ out }: KeygenOptions, io: Io): Promise<Verdict> {
  const [privateFile, publicFile] = [`${out}.key`, `${out}.pub`];
  for (const file of [privateFile, publicFile]) {
    if (existsSync(file)) throw isThere(file);
  }
  const { key, privatePem } = newKeyPair();
  writeNewFile(privateFile, privatePem, 0o600);
  writeNewFile(publicFile, `${key.openssh} ${basename(out)}\n`, 0o644);
  io.document({ keyid: key.id, publicKey: key.openssh, files: { private: privateFile, public: publicFile } });
  io.print(
    [
      `key ${key.id}`,
      `${privateFile}: the private key; it stays with whoever approves`,
      `${publicFile}: the public key`,
      'For the plan, under approvers:',
      `  - { name: NAME, jurisdiction: COUNTRY, key: "${key.openssh}" }`,
    ].join('\n'),
  );
  return 'done';
}

function isThere(file: string): FerryError {
  return new FerryError({
    fault: 'usage',
    op: 'make a key',
    subject: file,
    why: 'it is there already, and is never overwritten',
    hint: 'name other files with --out',
  });
}
