import { randomBytes } from 'node:crypto';
import { systemClock } from '../../base/clock.ts';
import { sha256Hex } from '../../base/digest.ts';
import { parseEnvelope } from '../../base/dsse.ts';
import type { Signer } from '../../base/ed25519.ts';
import { FerryError } from '../../base/errors.ts';
import {
  type AuditAbout,
  type Audited,
  type AuditObject,
  type AuditPopulation,
  audit,
  differsFromLedger,
  signedAudit,
} from '../../engine/audit.ts';
import { ledgerPopulation } from '../../engine/audit-population.ts';
import { bundlePopulation, differsFromLeaf } from '../../engine/evidence/bundle-population.ts';
import { checkBundle } from '../../engine/evidence/check.ts';
import { closeStores, openStores } from '../../engine/stores.ts';
import { claimText } from '../../evidence/audit-statement.ts';
import { sampleSizeFor } from '../../evidence/confidence.ts';
import { LARGEST_DRAWN } from '../../evidence/sample.ts';
import { Ledger } from '../../ledger/ledger.ts';
import type { Looking } from '../../migration/absence.ts';
import type { StepContext } from '../../migration/context.ts';
import type { Plan } from '../../plan/types.ts';
import { testify } from '../access.ts';
import { type AuditAsk, auditAsk } from '../audit-ask.ts';
import type { GlobalOptions, Io, Verdict } from '../io.ts';
import { limitsOf } from '../live-limits.ts';
import { refuseExisting, writeNewFile } from '../new-file.ts';
import { publicKey } from '../public-key.ts';
import { contextOf, type Opened, openPlan, retryPolicy, withRecord } from '../session.ts';
import { signerOf, signing } from '../signer.ts';
import { version } from '../version.ts';

export interface AuditOptions extends GlobalOptions {
  readonly sample?: string;
  readonly confidence?: string;
  readonly tolerance?: string;
  readonly seed?: string;
  readonly key?: string;
  readonly out?: string;
  /** A bundle that takes the ledger's place, and the key of whoever signed it. */
  readonly evidence?: string;
  readonly signer?: string;
}

/** How the result is to be signed, and where to. */
interface Signing {
  readonly signer: Signer;
  readonly key: string;
  readonly out: string;
}

/** A signed statement as `--json` tells it. */
interface Written {
  readonly file: string;
  readonly keyid: string;
  /** SHA-256 of what was signed. */
  readonly sha256: string;
}

/** `ferry audit PLAN`: looks at a random sample of what was migrated, and says what that proves. Changes nothing. */
export async function auditCommand(file: string, options: AuditOptions, io: Io): Promise<Verdict> {
  const ask = auditAsk(options);
  const opened = await openPlan(file, options, io);
  const sign = await signingOf(opened.plan, options, io);
  return await withRecord('audit', opened, io, () =>
    options.evidence === undefined ? audited(opened, ask, sign, io) : auditedByBundle(opened, options, ask, sign, io),
  );
}

/** The key is tried and the place looked at before hours are spent on what is to be signed. */
async function signingOf({ name }: Plan, { key, out }: AuditOptions, io: Io): Promise<Signing | undefined> {
  if (key === undefined && out !== undefined)
    throw usage(`--out ${out}`, 'only a signed statement is written to a file', 'name the key with --key as well');
  if (key === undefined) return undefined;
  const place = out ?? `${name}.audit.json`;
  refuseExisting(place);
  return { signer: await signerOf(key, io), key, out: place };
}

/** What is audited, and how an object is held against it. */
interface Subject {
  readonly population: AuditPopulation;
  /** UUID of the ledger that it is of. */
  readonly ledger: string;
  differs(context: Looking, object: AuditObject): Promise<string | undefined>;
}

/** By a bundle alone: whoever audits needs neither the operator's ledger nor the operator. */
async function auditedByBundle(
  opened: Opened,
  { evidence = '', signer }: AuditOptions,
  ask: AuditAsk,
  sign: Signing | undefined,
  io: Io,
): Promise<Verdict> {
  if (signer === undefined) throw usage(`--evidence ${evidence}`, 'no key is named', 'say --signer PUB as well');
  const { head, manifest } = await checkBundle({ folder: evidence, key: publicKey(signer) });
  if (head.plan.name !== opened.plan.name)
    throw usage(`--evidence ${evidence}`, `it is of the plan ${head.plan.name}`, 'name the plan that it is of');
  const partitions = opened.partitions && new Set(opened.partitions);
  const population = await bundlePopulation(evidence, manifest, partitions);
  if (population.size === 0) return nothing(opened.plan, ask, io);
  return await inStores(opened, { population, ledger: head.ledger, differs: differsFromLeaf }, ask, sign, io);
}

async function audited(opened: Opened, ask: AuditAsk, sign: Signing | undefined, io: Io): Promise<Verdict> {
  const ledger = Ledger.read(opened.stateDir);
  try {
    const population = ledger && (await ledgerPopulation(ledger, opened.partitions, io.stop));
    if (ledger === undefined || population === undefined || population.size === 0) return nothing(opened.plan, ask, io);
    const { uuid } = ledger;
    const differs = (context: Looking, object: AuditObject) =>
      differsFromLedger({ ...contextOf(opened.plan, ledger, context.stores, io), ...context }, object);
    return await inStores(opened, { population, ledger: uuid, differs }, ask, sign, io);
  } finally {
    ledger?.close();
  }
}

/** Nothing is signed either: a statement of no objects would look like a good one. */
function nothing({ name }: Plan, { confidence }: AuditAsk, io: Io): Verdict {
  const none = { checked: 0, ok: 0, mismatched: [], population: 0, sample: 0, seed: null, claim: { maxBad: 0 } };
  io.document({ plan: name, ...none, confidence });
  io.print('Nothing to audit: nothing was migrated yet, and nothing is signed.');
  return 'done';
}

async function inStores(
  { plan, partitions, stateDir }: Opened,
  { population, ledger, differs }: Subject,
  ask: AuditAsk,
  sign: Signing | undefined,
  io: Io,
): Promise<Verdict> {
  const sample = sampleOf(ask, population.size, io);
  const seed = ask.seed ?? drawnSeed(io);
  const stores = await openStores(storesOf(plan, partitions), {
    env: io.env,
    retry: retryPolicy(io),
    missingCentre: () => 'refuse',
    sweep: false,
    limits: limitsOf({ plan, stateDir }),
    signal: io.abort,
  });
  try {
    const context = { plan, ledger, stores, clock: systemClock, signal: io.abort };
    const { confidence } = ask;
    const retry = retryPolicy(io);
    const result = await audit({
      context,
      population,
      differs: (object) => differs(context, object),
      seed,
      sample,
      confidence,
      retry,
      stop: io.stop,
    });
    const about = {
      partitions: [...new Set(partitions ?? plan.partitions.map(({ name }) => name))],
      seedGiven: ask.seed !== undefined,
      tool: `ferry ${version()}`,
    };
    const statement =
      sign && (await written(context, result, about, sign, (text) => testify(stateDir, 'audit', text, io)));
    tell(plan, result, statement, io);
    return result.mismatched.length > 0 ? 'integrity' : 'done';
  } finally {
    await closeStores(stores);
  }
}

function sampleOf({ sample, confidence, tolerance }: AuditAsk, population: number, io: Io): number {
  const size = sample ?? sampleSizeFor({ population, confidence, tolerance });
  if (size < population && size > LARGEST_DRAWN)
    throw usage(`a sample of ${size}`, `at most ${LARGEST_DRAWN} objects are drawn`, 'ask for fewer, or for all');
  if (sample === undefined)
    io.tell(
      `with a confidence of ${confidence} and a tolerance of ${tolerance}, the sample is ${size} of ${population}`,
    );
  return Math.min(size, population);
}

function drawnSeed(io: Io): string {
  const seed = randomBytes(16).toString('hex');
  io.tell(`the seed was drawn here: ${seed}`);
  io.tell('only a seed from the auditor (--seed) shows that nobody chose what is looked at');
  return seed;
}

/** No others are asked for anything. */
function storesOf(plan: Plan, partitions: readonly string[] | undefined): Plan {
  const chosen = plan.partitions.filter(({ name }) => partitions?.includes(name) ?? true);
  const used = new Set(chosen.flatMap(({ from, to }) => [from, to]));
  const stores = Object.fromEntries(Object.entries(plan.stores).filter(([name]) => used.has(name)));
  return { ...plan, stores };
}

async function written(
  context: Pick<StepContext, 'plan' | 'ledger' | 'clock'>,
  result: Audited,
  about: AuditAbout,
  sign: Signing,
  testified: (text: string) => void,
): Promise<Written> {
  const { signer, key, out } = sign;
  const text = await signing(key, () => signedAudit(context, result, about, signer));
  writeNewFile(out, `${text}\n`, 0o600);
  testified(text);
  return { file: out, keyid: signer.key.id, sha256: sha256Hex(parseEnvelope(text).payload) };
}

function tell({ name }: Plan, result: Audited, statement: Written | undefined, io: Io): void {
  const { checked, ok, mismatched, population, seed, sample, confidence, claim } = result;
  io.document({
    plan: name,
    checked,
    ok,
    mismatched: mismatched.map(({ key, partition, reason }) => ({ key, partition, reason })),
    population: population.size,
    populationSha256: population.sha256,
    sample: sample.size,
    sampleSha256: sample.sha256,
    seed,
    confidence,
    claim,
    ...(statement === undefined ? {} : { statement }),
  });
  const bad = mismatched.length;
  io.print(claimText({ population: population.size, sample: sample.size, bad, confidence, maxBad: claim.maxBad }));
  for (const { partition, key, reason } of mismatched) io.print(`  ${partition}  ${JSON.stringify(key)}: ${reason}`);
  io.print(`population: ${population.size} objects, SHA-256 ${population.sha256}`);
  io.print(`seed: ${JSON.stringify(seed)}`);
  if (statement !== undefined) io.print(`signed: ${statement.file}, by ${statement.keyid}`);
}

function usage(subject: string, why: string, hint: string): FerryError {
  return new FerryError({ fault: 'usage', op: 'audit', subject, why, hint });
}
