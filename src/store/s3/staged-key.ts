import { hash } from 'node:crypto';

/** Where a bucket keeps what tombstones hide and no version holds, below the store's prefix. */
const FOLDER = '.ferry-held/';
const STAGED_KEY = /^\.ferry-held\/[0-9a-f]{64}$/;
const TOKEN = 'staged:';

/** The key of a staged copy: SHA-256 over the object's key, LF and revision, so that a crash finds it again. */
export function stagedKey(key: string, revision: string): string {
  return `${FOLDER}${hash('sha256', `${key}\n${revision}`, 'hex')}`;
}

/** Whether a key is of a staged copy. Other keys in that folder are anyone's. */
export function isStagedKey(key: string): boolean {
  return STAGED_KEY.test(key);
}

/** What the ledger keeps for a staged copy. */
export function stagedToken(key: string, revision: string): string {
  return TOKEN + stagedKey(key, revision);
}

/** The same, of the copy that has this digest in its key. */
export function tokenNamed(name: string): string {
  return `${TOKEN}${FOLDER}${name}`;
}

/** Whether what the ledger keeps names a staged copy; else it is a version's id. */
export function isStaged(kept: string): boolean {
  return kept.startsWith(TOKEN) && isStagedKey(kept.slice(TOKEN.length));
}

/** @throws Error for a token of another kind: a bug. */
export function keyOfToken(kept: string): string {
  if (!isStaged(kept)) throw new Error(`${JSON.stringify(kept)} names no staged copy`);
  return kept.slice(TOKEN.length);
}
