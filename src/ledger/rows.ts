import { z } from 'zod';
import type { Keep } from '../plan/types.ts';
import type { Attributes } from '../store/store.ts';
import { STATES, type State } from './lifecycle.ts';

/** A step that was begun: written before its effect, so that a run after a crash knows what to look for. */
export type Intent = TombstoneIntent | { readonly step: 'restore' } | { readonly step: 'purge'; readonly at: number };

/** All that the marker's bytes depend on, so that the same marker is made again after a crash. */
export interface TombstoneIntent {
  readonly step: 'tombstone';
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly holdUntil: number;
  /** The state of the source that the swap is bound to. */
  readonly revision: string;
  /** Its id, where the source keeps versions: the marker must come to lie right on it. */
  readonly version?: string | undefined;
  /** Where the old bytes are to be kept; absent in intents of before there was a choice. */
  readonly keep?: Keep | undefined;
  /** The server honours no condition, so that only the history tells what came between. */
  readonly withoutCas?: boolean | undefined;
  /** Only of an earlier attempt whose marker was found: as `TombstoneRecord.heldUntil`. */
  readonly heldUntil?: number | undefined;
}

/** What is known of a tombstone at the source. */
export interface TombstoneRecord {
  /** The marker's revision at the source. */
  readonly revision: string;
  /** Where the source keeps the old bytes; absent when the marker overwrote them. */
  readonly kept?: string | undefined;
  /** The version that the marker was put right over, where versions are kept; absent in ledgers of before this was remembered. */
  readonly over?: string | undefined;
  /** Where old bytes still are that nothing relies on and that are to go. */
  readonly leaving?: string | undefined;
  readonly at: number;
  /** As the marker says. */
  readonly holdUntil: number;
  /** The hold where it is longer than the marker says, since the marker arrived late. */
  readonly heldUntil?: number | undefined;
  /** No marker was put: the application's own delete marker on top of the history stands for it. */
  readonly deleted?: boolean | undefined;
}

/** When the hold of a tombstone ends, in milliseconds since 1970. */
export function holdEnd({
  holdUntil,
  heldUntil = holdUntil,
}: Pick<TombstoneRecord, 'holdUntil' | 'heldUntil'>): number {
  return Math.max(holdUntil, heldUntil);
}

/** What a purge has removed of an object at its source. */
export interface PurgeRecord {
  /** Milliseconds since 1970. */
  readonly at: number;
  /** Hidden states with bytes; delete markers; unfinished uploads. */
  readonly versions: number;
  readonly markers: number;
  readonly uploads: number;
  /** `left` where nothing could show that nobody writes the key while its marker is deleted. */
  readonly marker: 'removed' | 'left';
}

/** How the copy at the centre was proven. */
export interface VerifiedRecord {
  /** Milliseconds since 1970. */
  readonly at: number;
  /** `readback`: every byte was read there again; `attested`: the store itself computed or checked the SHA-256. */
  readonly how: 'readback' | 'attested';
}

/** One object as the ledger knows it. */
export interface ObjectRow {
  readonly id: number;
  /** Name of the partition. */
  readonly partition: string;
  readonly key: string;
  readonly state: State;
  readonly size: number;
  readonly revision: string;
  readonly sha256: string | undefined;
  /** For an object that went in parts: SHA-256 over the parts' digests, a dash, their number. */
  readonly composite: string | undefined;
  readonly centreRevision: string | undefined;
  readonly attributes: Attributes;
  readonly intent: Intent | undefined;
  readonly tombstone: TombstoneRecord | undefined;
  readonly purge: PurgeRecord | undefined;
  /** `undefined` before it was, and in ledgers of before this was remembered. */
  readonly verified: VerifiedRecord | undefined;
  readonly reason: string | undefined;
  readonly integrity: boolean;
}

/** What changes together with a state. Members left out stay as they are; `null` empties. */
export interface ObjectChange {
  readonly size?: number;
  readonly revision?: string;
  readonly sha256?: string;
  readonly composite?: string | null;
  readonly centreRevision?: string;
  readonly attributes?: Attributes;
  readonly intent?: Intent | null;
  readonly tombstone?: TombstoneRecord;
  readonly purge?: PurgeRecord;
  readonly verified?: VerifiedRecord;
  readonly reason?: string | null;
  readonly integrity?: boolean;
}

const Intent = z.discriminatedUnion('step', [
  z.object({
    step: z.literal('tombstone'),
    at: z.number(),
    holdUntil: z.number(),
    revision: z.string(),
    version: z.string().optional(),
    keep: z.enum(['version', 'staged', 'centre']).optional(),
    withoutCas: z.boolean().optional(),
    heldUntil: z.number().optional(),
  }),
  z.object({ step: z.literal('restore') }),
  z.object({ step: z.literal('purge'), at: z.number() }),
]);

const Tombstone = z.object({
  revision: z.string(),
  kept: z.string().optional(),
  over: z.string().optional(),
  leaving: z.string().optional(),
  at: z.number(),
  holdUntil: z.number(),
  heldUntil: z.number().optional(),
  deleted: z.boolean().optional(),
});

const Purge = z.object({
  at: z.number(),
  versions: z.number(),
  markers: z.number(),
  uploads: z.number(),
  marker: z.enum(['removed', 'left']),
});

const Verified = z.object({ at: z.number(), how: z.enum(['readback', 'attested']) });

type Raw = Record<string, unknown>;

/** A row of the `object` table, joined with its partition's name, as an `ObjectRow`. */
export function objectRow(raw: Raw): ObjectRow {
  return {
    id: Number(raw['id']),
    partition: String(raw['partition_name']),
    key: String(raw['key']),
    state: stateOf(raw['state']),
    size: Number(raw['size']),
    revision: String(raw['revision']),
    sha256: text(raw['sha256']),
    composite: text(raw['composite']),
    centreRevision: text(raw['centre_revision']),
    attributes: raw['attributes'] === null ? {} : (JSON.parse(String(raw['attributes'])) as Attributes),
    intent: raw['intent'] === null ? undefined : Intent.parse(JSON.parse(String(raw['intent']))),
    tombstone: raw['tombstone'] === null ? undefined : Tombstone.parse(JSON.parse(String(raw['tombstone']))),
    purge: raw['purge'] === null ? undefined : Purge.parse(JSON.parse(String(raw['purge']))),
    verified: raw['verified'] === null ? undefined : Verified.parse(JSON.parse(String(raw['verified']))),
    reason: text(raw['reason']),
    integrity: raw['integrity'] === 1,
  };
}

export function stateOf(value: unknown): State {
  const state = STATES.find((known) => known === value);
  if (state === undefined) throw new Error(`the ledger holds the unknown state ${String(value)}`);
  return state;
}

function text(value: unknown): string | undefined {
  return value === null || value === undefined ? undefined : String(value);
}
