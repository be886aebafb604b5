import PQueue from 'p-queue';
import type { Signer } from '../base/ed25519.ts';
import { type RetryPolicy, retry } from '../base/retry.ts';
import { type AuditStatement, keyDigest, signStatement } from '../evidence/audit-statement.ts';
import { upperBound } from '../evidence/confidence.ts';
import { drawSample, indicesDigest } from '../evidence/sample.ts';
import type { ObjectRow } from '../ledger/rows.ts';
import { type Looking, stillThere } from '../migration/absence.ts';
import type { StepContext } from '../migration/context.ts';
import { verify } from '../migration/verify.ts';
import { StoreError, type StoreErrorKind } from '../store/store.ts';
import { asFault, interrupted } from './local.ts';

/** An object of a population, and its place in it. */
export interface AuditObject extends ObjectRow {
  /** From 0. */
  readonly index: number;
}

/** What a sample is drawn from: objects in an order that does not change. */
export interface AuditPopulation {
  readonly size: number;
  /** SHA-256 over the SHA-256 digests of all objects in their order, 32 bytes each: 64 hex digits. */
  readonly sha256: string;
  /** The objects of some indices, given in ascending order. @throws FerryError `unreachable` where the population is another one by now. */
  at(indices: Iterable<number>): AsyncIterable<AuditObject>;
}

export interface AuditWork {
  readonly context: Looking;
  /** Why an object is not as the record has it; `undefined` where it is. */
  readonly differs: (object: AuditObject) => Promise<string | undefined>;
  readonly population: AuditPopulation;
  readonly seed: string;
  /** How many to look at; a number beyond the population is all of it. */
  readonly sample: number;
  /** Of the claim: above 0 and below 1. */
  readonly confidence: number;
  readonly retry: RetryPolicy;
  readonly stop: AbortSignal;
}

export interface AuditMismatch {
  readonly index: number;
  readonly partition: string;
  readonly key: string;
  readonly reason: string;
}

/** What an audit has shown. */
export interface Audited {
  readonly checked: number;
  readonly ok: number;
  /** In order of their indices. */
  readonly mismatched: readonly AuditMismatch[];
  readonly population: Pick<AuditPopulation, 'size' | 'sha256'>;
  readonly seed: string;
  /** Its size, and SHA-256 over its indices. */
  readonly sample: { readonly size: number; readonly sha256: string };
  readonly confidence: number;
  readonly claim: { readonly maxBad: number };
}

/** Who audited what, with what: the parts of a statement that the audit itself does not know. */
export interface AuditAbout {
  readonly partitions: readonly string[];
  /** Whether the seed was given, and not drawn by the program. */
  readonly seedGiven: boolean;
  readonly tool: string;
}

/** After these no other object can fare better. */
const ENDS_ALL: readonly StoreErrorKind[] = ['unreachable', 'untrusted', 'missing', 'denied', 'throttled'];

/**
 * Looks at a random sample of what was migrated: reads every byte at the centres again, and looks whether the sources of what was tombstoned
 * or purged are empty. Changes nothing in any store, nor in the ledger.
 *
 * @throws FerryError `unreachable` when a store stays out of reach, `interrupted` when stopped.
 */
export async function audit(work: AuditWork): Promise<Audited> {
  const { population, seed, confidence, stop } = work;
  const size = Math.min(work.sample, population.size);
  const drawn = size === population.size ? undefined : drawSample(seed, population.size, size);
  const indices = (): Iterable<number> => drawn ?? upTo(size);
  const mismatched: AuditMismatch[] = [];
  const checked = await checkAll(work, indices(), mismatched);
  if (stop.aborted) throw interrupted();
  if (checked !== size) throw new Error(`the sample has ${size} objects, and ${checked} were checked`);
  mismatched.sort((a, b) => a.index - b.index);
  const bad = mismatched.length;
  return {
    checked,
    ok: checked - bad,
    mismatched,
    population: { size: population.size, sha256: population.sha256 },
    seed,
    sample: { size, sha256: indicesDigest(indices()) },
    confidence,
    claim: { maxBad: upperBound({ population: population.size, sample: size, bad, confidence }) },
  };
}

/** The result as a statement that is signed. @returns the text of the envelope (DSSE). */
export async function signedAudit(
  { plan, ledger, clock }: Pick<StepContext, 'plan' | 'ledger' | 'clock'>,
  audited: Audited,
  about: AuditAbout,
  signer: Signer,
): Promise<string> {
  const { population, checked, ok, mismatched, sample, confidence, claim, seed } = audited;
  const statement: AuditStatement = {
    plan: { name: plan.name, digest: plan.digest },
    ledger,
    partitions: about.partitions,
    population,
    seed: { text: seed, from: about.seedGiven ? 'given' : 'drawn' },
    sample,
    checked,
    ok,
    mismatched: mismatched.map(({ index, partition, key }) => ({ index, partition, key: keyDigest(ledger, key) })),
    confidence,
    claim,
    at: new Date(clock.now()).toISOString(),
    keyid: signer.key.id,
    tool: about.tool,
  };
  return await signStatement(statement, signer);
}

/** @returns how many were checked. */
async function checkAll(work: AuditWork, indices: Iterable<number>, mismatched: AuditMismatch[]): Promise<number> {
  const { context, population, stop } = work;
  const { concurrency } = context.plan.limits;
  const queue = new PQueue({ concurrency });
  let checked = 0;
  let failure: unknown;
  const check = async (object: AuditObject): Promise<void> => {
    try {
      const { index, partition, key } = object;
      const reason = await reasonAgainst(work, object);
      if (reason !== undefined) mismatched.push({ index, partition, key, reason });
      checked += 1;
    } catch (error) {
      failure ??= asFault(error, stop);
    }
  };
  try {
    for await (const object of population.at(indices)) {
      await queue.onSizeLessThan(concurrency);
      if (failure !== undefined || stop.aborted) break;
      void queue.add(() => check(object));
    }
  } catch (error) {
    failure ??= asFault(error, stop);
  }
  await queue.onIdle();
  if (failure !== undefined) throw failure;
  return checked;
}

/** As `differs`, with what a store cannot do as a reason, and tried again where that may help. */
async function reasonAgainst(work: AuditWork, object: AuditObject): Promise<string | undefined> {
  try {
    return await retry(() => work.differs(object), { ...work.retry, signal: work.stop });
  } catch (error) {
    if (!(error instanceof StoreError) || ENDS_ALL.includes(error.kind) || work.stop.aborted) throw error;
    return error.message;
  }
}

/** Why an object is not as the ledger has it: bytes, attributes, whole histories, and what is at its source. */
export async function differsFromLedger(context: StepContext, object: AuditObject): Promise<string | undefined> {
  // An audit does not take a store's own word for its bytes.
  const { to, change } = await verify({ ...context, plan: { ...context.plan, verify: 'readback' } }, object);
  if (to !== 'verified') return change.reason ?? to;
  return object.state === 'verified' ? undefined : await stillThere(context, object);
}

function* upTo(size: number): Generator<number> {
  for (let index = 0; index < size; index += 1) yield index;
}
