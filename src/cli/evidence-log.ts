import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { newKeyPair, type Signer } from '../base/ed25519.ts';
import { FerryError } from '../base/errors.ts';
import { readSmallFile, whyUnreadable } from '../base/private-file.ts';
import { keepSecret } from '../base/secrets.ts';
import { type GatherWork, gather } from '../engine/evidence/gather.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { Plan } from '../plan/types.ts';
import type { Io } from './io.ts';
import { writeNewFile } from './new-file.ts';
import type { Opened } from './session.ts';
import { signerOf } from './signer.ts';
import { version } from './version.ts';

/** Brings the log of evidence up to what the ledger knows. */
export function gatherEvidence(
  { plan, findings }: Pick<Opened, 'plan' | 'findings'>,
  ledger: Ledger,
  recovery?: GatherWork['recovery'],
): void {
  gather({ plan, findings, ledger, version: version(), salt: saltOf(plan), recovery });
}

/** What a run that was cut off left unsaid is said before anything else changes. */
export function gatherLeft(opened: Pick<Opened, 'plan' | 'findings'>, ledger: Ledger): void {
  if (ledger.log.unlogged(0, 1).length > 0) gatherEvidence(opened, ledger);
}

/** @throws FerryError `usage` where the plan names a file that holds no secret. */
function saltOf({ saltFile }: Plan): Uint8Array | undefined {
  if (saltFile === undefined) return undefined;
  try {
    const text = readSmallFile(saltFile, 80, () => true)
      .toString('latin1')
      .trim();
    if (!/^[0-9a-f]{64}$/i.test(text)) throw new Error('it does not hold 32 bytes as 64 hex digits');
    const salt = Buffer.from(text, 'hex');
    keepSecret(salt);
    return salt;
  } catch (error) {
    throw new FerryError({
      fault: 'usage',
      op: 'read evidence.saltFile',
      subject: saltFile,
      why: whyUnreadable(error),
      hint: '`openssl rand -hex 32` makes one; its mode has to be 0600',
      cause: error,
    });
  }
}

/** What signs evidence: the key that is named, else the ledger's own, which is made when it is first needed. */
export async function evidenceSigner(named: string | undefined, stateDir: string, io: Io): Promise<Signer> {
  if (named !== undefined) return await signerOf(named, io);
  const file = join(stateDir, 'evidence.key');
  if (!existsSync(file)) {
    const { key, privatePem } = newKeyPair();
    writeNewFile(file, privatePem, 0o600);
    writeNewFile(join(stateDir, 'evidence.pub'), `${key.openssh} ferry evidence\n`, 0o600);
    io.tell(`made a key to sign evidence with: ${file}; give ${join(stateDir, 'evidence.pub')} to whoever checks it`);
  }
  return await signerOf(file, io);
}
