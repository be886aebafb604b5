import { sha256Hex } from '../../src/base/digest.ts';
import { looksLikeMarker } from '../../src/migration/marker.ts';
import type { Attributes } from '../../src/store/store.ts';

/*
 * What the contract promises, told without a look at the code that keeps it (the four rules of "Object states and the rule that holds
 * always"). It knows every write that anyone was told had happened.
 */

/** One state of a key that someone, not ferry, wrote at the source. */
export interface Write {
  readonly number: number;
  readonly key: string;
  readonly digest: string;
  readonly attributes: Attributes;
}

/** Bytes somewhere. `write` where a user wrote them. */
export interface Held {
  readonly bytes: Uint8Array;
  readonly attributes: Attributes;
  readonly write: Write | undefined;
}

/** What the truth must be able to see of the two stores, behind their ports. */
export interface Sight {
  /** What an application reads under the key. */
  readonly current: (key: string) => Held | undefined;
  /** All bytes of the key, also what is hidden. */
  readonly all: (key: string) => readonly Held[];
}

/** What the ledger has on its disk at this moment. */
export interface Known {
  readonly state: string;
  readonly step: string | undefined;
  readonly leaving: boolean;
}

export class Violation extends Error {
  override readonly name = 'Violation';
}

export class Truth {
  /** The last thing that was done with each key at the source, by effect; a delete is `undefined`. */
  readonly last = new Map<string, Write | undefined>();
  readonly source: Sight;
  readonly centre: Sight;
  /** Keys whose attributes someone changed in the very moment of the swap, which without versions nobody can see (docs/safety.md). */
  readonly unseen = new Set<string>();
  readonly known: (key: string) => Known | undefined;
  readonly now: () => number;
  /** Keys whose copy someone took away in the very moment between ferry's last look and its step. */
  readonly excused = new Set<string>();
  /** Keys whose copy someone took away after the tombstone. */
  readonly erased = new Set<string>();
  #numbers = 0;

  constructor(given: Pick<Truth, 'source' | 'centre' | 'known' | 'now'>) {
    this.source = given.source;
    this.centre = given.centre;
    this.known = given.known;
    this.now = given.now;
  }

  written(key: string, bytes: Uint8Array, attributes: Attributes): Write {
    this.#numbers += 1;
    const write = { number: this.#numbers, key, digest: sha256Hex(bytes), attributes };
    this.last.set(key, write);
    return write;
  }

  /** Whether the centre has what this write left. Of a write that someone has superseded since, the bytes are enough. */
  isCopied(write: Write): boolean {
    const copy = this.centre.current(write.key);
    if (copy === undefined || sha256Hex(copy.bytes) !== write.digest) return false;
    const loose = this.unseen.has(write.key) || this.last.get(write.key) !== write;
    return loose || JSON.stringify(copy.attributes.metadata) === JSON.stringify(write.attributes.metadata);
  }

  /** Rule 1, after an effect of ferry's at the source: what is gone now and was there `before`? */
  checkDestroyed(key: string, before: readonly Held[], marker: Held | undefined, what: string): void {
    const left = new Set(this.source.all(key).map(({ write }) => write));
    for (const { write } of before) {
      if (write === undefined || left.has(write)) continue;
      if (this.excused.has(key)) continue;
      if (!this.isCopied(write))
        throw new Violation(`rule 1: ${what} of ${key} destroyed write ${write.number}, of which there is no copy`);
    }
    if (what === 'purge' && marker !== undefined && looksLikeMarker(marker.bytes)) this.#checkHold(key, marker);
  }

  #checkHold(key: string, marker: Held): void {
    const { holdUntil } = JSON.parse(new TextDecoder().decode(marker.bytes)) as { holdUntil: string };
    if (this.now() < Date.parse(holdUntil))
      throw new Violation(`the hold of ${key} ends at ${holdUntil}, and it was purged before`);
  }

  /** Whether the source has a write that no copy has. */
  #hidesLate(key: string): boolean {
    return this.source.all(key).some(({ write }) => write !== undefined && !this.isCopied(write));
  }

  /** Rule 3, when ferry asks a source to hide or remove something. */
  checkBegun(key: string, steps: readonly string[], what: string): void {
    const known = this.known(key);
    // A late write comes back by the tombstone's own row, which names what it hides; no intent is needed for that.
    const comesBack = what === 'take away' && known?.state === 'tombstoned' && this.#hidesLate(key);
    const isBegun = known !== undefined && (steps.includes(known.step ?? '') || (known.leaving && what === 'drop'));
    const fits = isBegun || comesBack;
    if (!fits)
      throw new Violation(
        `rule 3: ${what} of ${key} is not in the ledger, which has it as ${known?.state} ${known?.step}`,
      );
  }

  /** Rule 4, after an effect of ferry's at the centre. */
  checkCentre(key: string, before: Held | undefined): void {
    if (before === undefined) return;
    const now = this.centre.current(key);
    if (now !== before) throw new Violation(`rule 4: ${key} was there at the centre, and is another object now`);
  }

  /** When nobody works any more: the last write of each key is the object, or hidden behind a tombstone with a copy at the centre. */
  checkEnd(): void {
    for (const [key, write] of this.last) {
      if (write === undefined || this.excused.has(key) || this.erased.has(key)) continue;
      const here = this.source.current(key);
      if (here?.write === write) continue;
      const isBack = here !== undefined && sha256Hex(here.bytes) === write.digest;
      const isHidden = here === undefined || looksLikeMarker(here.bytes);
      if (isBack || (isHidden && this.isCopied(write))) continue;
      throw new Violation(
        `write ${write.number} of ${key} is not to be had: the source has ${here === undefined ? 'nothing' : isHidden ? 'a marker' : `write ${here.write?.number}`}, and the centre not its copy`,
      );
    }
  }
}
