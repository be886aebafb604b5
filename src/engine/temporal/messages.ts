import type { StoreSpec } from '../../plan/types.ts';

/*
 * What the home, the workflows and the workers say to each other. Nothing here names an object, its size or its digest: Temporal is told
 * where the round lies, numbers of shards, and counts.
 */

export interface Partition {
  readonly name: string;
  /** Numbers of its shards. */
  readonly first: number;
  readonly last: number;
}

/** Where a round lies. The store is as in the plan; it names variables, no secrets. */
export interface Place {
  readonly control: StoreSpec;
  readonly prefix: string;
}

export interface RunInput {
  readonly place: Place;
  readonly partitions: readonly Partition[];
  readonly shardsAtOnce: number;
  /** Of a shard's lease, in milliseconds: for as long a worker may be silent. */
  readonly ttlMs: number;
}

/** A partition as it goes on: `left` are shards to be worked on again before those from `next` on. */
export interface PartitionInput {
  readonly place: Place;
  readonly last: number;
  readonly next: number;
  readonly left: readonly number[];
  readonly shardsAtOnce: number;
  readonly ttlMs: number;
  readonly sofar: Counts;
  readonly paused: boolean;
  readonly stopped: boolean;
}

/** Where shards stand. */
export interface Counts {
  readonly done: number;
  /** Of shards that ended: objects by state. */
  readonly states: Readonly<Record<string, number>>;
  readonly objects: number;
  readonly bytes: number;
  /** Why shards failed, the first ones. */
  readonly faults: readonly { readonly shard: number; readonly error: Readonly<Record<string, string>> }[];
  readonly failed: number;
}

export const NO_COUNTS: Counts = { done: 0, states: {}, objects: 0, bytes: 0, faults: [], failed: 0 };

export interface ShardInput {
  readonly place: Place;
  readonly shard: number;
}

/** As `ShardResult` of the segments has it. */
export interface ShardOutput {
  readonly ended: 'done' | 'stopped' | 'lost' | 'failed';
  readonly states?: Readonly<Record<string, number>> | undefined;
  readonly moved: { readonly objects: number; readonly bytes: number };
  readonly error?: Readonly<Record<string, string>>;
}

/** What a worker's heartbeat tells. */
export interface Position {
  readonly shard: number;
  readonly epoch: number;
  /** Of the newest record of the lease. */
  readonly record: number;
  readonly states: Readonly<Record<string, number>>;
}

export type Order = 'pause' | 'resume' | 'stop';

/** The name of the signal that takes an `Order`, and of the query that gives `Told`. */
export const ORDER = 'order';
export const STATUS = 'status';

export interface Told {
  readonly paused: boolean;
  readonly stopped: boolean;
  readonly counts: Counts;
  /** Shards that workers are asked to work on now. */
  readonly underWay: readonly number[];
}
