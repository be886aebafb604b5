/** What user data is called by: a current object, an older version with bytes, an unfinished upload, bytes kept by a tombstone. */
export type Kind = 'object' | 'version' | 'upload' | 'kept';

/** One thing that is still there, and why. */
export interface Remaining {
  readonly kind: Kind;
  /** Left out for kept bytes whose key nobody knows. */
  readonly key?: string;
  /** Of a version its id, of an upload the server's, of kept bytes what names them. */
  readonly version?: string;
  readonly reason: string;
  /** Bytes; left out where the server does not tell. */
  readonly size?: number;
}

/** Counts, and bytes of what has any. */
export interface Counts {
  objects: number;
  versions: number;
  deleteMarkers: number;
  uploads: number;
  tombstones: number;
  readonly bytes: { objects: number; versions: number; uploads: number; tombstones: number };
}

/** What lies outside of the partitions. */
export interface Apart extends Counts {
  /** The first keys. */
  readonly sample: readonly string[];
}

export interface ScannedStore extends Omit<Counts, 'bytes'> {
  readonly name: string;
  readonly location: string;
  readonly kept: number;
  /** Current objects that came after the inventory, or were written after it. */
  readonly late: number;
  readonly bytes: Counts['bytes'] & { readonly kept: number };
  /** No user data was found, and every kind of it was looked for. */
  readonly clean: boolean;
  /** Nothing was left unseen, so that `clean` is proof. */
  readonly proven: boolean;
  /** What could not be seen, and why. */
  readonly unseen: readonly string[];
  readonly excluded: Apart;
  readonly unassigned: Apart;
  readonly remaining: readonly Remaining[];
  /** How many remain beside `remaining`. */
  readonly more: number;
}

/** Where a key belongs. */
export type Place = 'selected' | 'excluded' | 'unassigned';

/** How many keys outside of the partitions are shown. */
const SAMPLE = 20;

/** What was found at one store. */
export class Tally {
  readonly #most: number;
  readonly #found: ((remaining: Remaining) => void) | undefined;
  readonly #selected = noCounts();
  readonly #apart = {
    excluded: { ...noCounts(), sample: [] as string[] },
    unassigned: { ...noCounts(), sample: [] as string[] },
  };
  readonly #remaining: Remaining[] = [];
  readonly #gaps: string[] = [];
  readonly #limits: string[] = [];
  readonly #kept = { count: 0, bytes: 0 };
  #late = 0;
  #told = 0;

  constructor(most: number, found: ((remaining: Remaining) => void) | undefined) {
    this.#most = most;
    this.#found = found;
  }

  /** How many of so many more things that remain will be told one by one. */
  room(more: number): number {
    return this.#found === undefined ? Math.min(more, Math.max(0, this.#most - this.#told)) : more;
  }

  /** Something of a key that is no user data. */
  add(place: Place, kind: 'deleteMarkers' | 'tombstones', size: number): void {
    const counts = this.#of(place);
    counts[kind] += 1;
    if (kind === 'tombstones') counts.bytes.tombstones += size;
  }

  /** User data of a key that no partition selects. */
  outside(place: Exclude<Place, 'selected'>, kind: Exclude<Kind, 'kept'>, key: string, size: number): void {
    const counts = this.#apart[place];
    grow(counts, kind, size);
    if (counts.sample.length < SAMPLE && counts.sample.at(-1) !== key) counts.sample.push(key);
  }

  /** User data that is still there. */
  remains(remaining: Remaining, late = false): void {
    const { kind, size = 0 } = remaining;
    if (kind !== 'kept') grow(this.#selected, kind, size);
    else {
      this.#kept.count += 1;
      this.#kept.bytes += size;
    }
    if (late) this.#late += 1;
    this.#told += 1;
    if (this.#remaining.length < this.#most) this.#remaining.push(remaining);
    this.#found?.(remaining);
  }

  /** Something was not looked for, since the store refused it: someone can mend that. */
  notSeen(what: string): void {
    this.#gaps.push(what);
  }

  /** Something that this server shows to nobody. */
  cannotShow(what: string): void {
    this.#limits.push(what);
  }

  result(name: string, location: string): ScannedStore {
    const { bytes, ...counts } = this.#selected;
    const found = counts.objects + counts.versions + counts.uploads + this.#kept.count;
    return {
      name,
      location,
      ...counts,
      kept: this.#kept.count,
      late: this.#late,
      bytes: { ...bytes, kept: this.#kept.bytes },
      clean: found === 0 && this.#gaps.length === 0,
      proven: this.#gaps.length === 0 && this.#limits.length === 0,
      unseen: [...this.#gaps, ...this.#limits],
      ...this.#apart,
      remaining: this.#remaining,
      more: this.#told - this.#remaining.length,
    };
  }

  #of(place: Place): Counts {
    return place === 'selected' ? this.#selected : this.#apart[place];
  }
}

const PLURAL = { object: 'objects', version: 'versions', upload: 'uploads' } as const;

function grow(counts: Counts, kind: Exclude<Kind, 'kept'>, size: number): void {
  counts[PLURAL[kind]] += 1;
  counts.bytes[PLURAL[kind]] += size;
}

function noCounts(): Counts {
  return {
    objects: 0,
    versions: 0,
    deleteMarkers: 0,
    uploads: 0,
    tombstones: 0,
    bytes: { objects: 0, versions: 0, uploads: 0, tombstones: 0 },
  };
}
