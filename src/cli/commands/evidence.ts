import { closeSync, fsyncSync, openSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { systemClock } from '../../base/clock.ts';
import type { Ed25519PublicKey } from '../../base/ed25519.ts';
import { FerryError, messageOf } from '../../base/errors.ts';
import { readPublicKey } from '../../base/key-file.ts';
import { readSmallFile, whyUnreadable } from '../../base/private-file.ts';
import { checkBundle } from '../../engine/evidence/check.ts';
import { exportBundle } from '../../engine/evidence/export.ts';
import { captureNames, proveObjects } from '../../engine/evidence/prove.ts';
import { signedHead } from '../../engine/evidence/signed-head.ts';
import { readAudit } from '../../evidence/audit-statement.ts';
import { proofText, readProof } from '../../evidence/proof.ts';
import { Ledger } from '../../ledger/ledger.ts';
import { takeLock } from '../../ledger/lock.ts';
import { formatBytes } from '../../plan/units.ts';
import { recorded } from '../access.ts';
import { evidenceSigner, gatherEvidence } from '../evidence-log.ts';
import type { GlobalOptions, Io, Verdict } from '../io.ts';
import { writeNewFile } from '../new-file.ts';
import { callOf, type Opened, openPlan } from '../session.ts';
import { version } from '../version.ts';

/** Mismatches make a statement long. */
const LONGEST_STATEMENT = 64 * 1024 * 1024;

export interface ExportOptions extends GlobalOptions {
  readonly out: string;
  readonly key?: string;
  readonly keys: 'redacted' | 'plain';
  readonly redact?: 'keys';
  readonly segment?: readonly string[];
}

/** `ferry evidence export PLAN --out DIR`: the log as a signed bundle. */
export async function evidenceExport(file: string, options: ExportOptions, io: Io): Promise<Verdict> {
  const opened = await openPlan(file, options, io);
  if (options.redact !== undefined && options.keys === 'plain')
    throw usage('export evidence', '--redact keys', '--keys plain says the opposite', 'say one of the two');
  return await withLog('evidence export', opened, io, async (ledger) => {
    const signer = await evidenceSigner(options.key, opened.stateDir, io);
    const done = await exportBundle({
      plan: opened.plan,
      ledger,
      clock: systemClock,
      signer,
      version: version(),
      folder: options.out,
      write: writeThrough,
      plainKeys: options.keys === 'plain',
      segments: options.segment && new Set(options.segment.map(numberOf)),
    });
    const { head, segments, files, bytes } = done;
    io.document({ plan: opened.plan.name, out: options.out, head, keyid: signer.key.id, segments, files, bytes });
    io.print(
      [
        `${options.out}: ${head.size} leaves in ${segments} segments, ${formatBytes(bytes)}`,
        `root ${head.root}`,
        `signed by ${signer.key.id}`,
        `check it with: ferry evidence verify ${options.out} --key PUB`,
      ].join('\n'),
    );
    return 'done';
  });
}

export interface VerifyOptions extends GlobalOptions {
  readonly key: string;
  readonly auditor?: readonly string[];
  readonly segment?: readonly string[];
}

/** `ferry evidence verify DIR --key PUB`: checks a bundle, or a person's proof, without a network and without a ledger. */
export async function evidenceVerify(path: string, options: VerifyOptions, io: Io): Promise<Verdict> {
  const key = publicKey(options.key);
  if (isFile(path)) return verifyProof(path, key, io);
  const segments = options.segment && new Set(options.segment.map(numberOf));
  const { head, counted, leaves, earlierHeads, stampedAt, ...rest } = await checkBundle({
    folder: path,
    key,
    segments,
    auditors: (options.auditor ?? []).map(publicKey),
  });
  io.document({ ok: true, head, keyid: key.id, leaves, earlierHeads, stampedAt: stampedAt ?? null, counted, ...rest });
  io.print(`${path}: ${leaves} leaves of the plan ${head.plan.name}, root ${head.root}`);
  io.print(`signed ${head.at} by ${key.id}${stampedAt === undefined ? '' : `, stamped ${stampedAt}`}`);
  if (counted === undefined) {
    io.print('These segments are part of the log that was signed. Rules over all leaves need all segments.');
    return 'done';
  }
  const outcomes = Object.entries(counted.outcomes).filter(([, count]) => count > 0);
  io.print(
    `objects: ${outcomes.map(([name, count]) => `${count} ${name}`).join(', ') || 'none'}; only planned: ${counted.planned}`,
  );
  io.print(
    `calls: ${counted.calls}; scans: ${counted.scans}; audits: ${counted.audits}; earlier heads: ${earlierHeads}`,
  );
  io.print('All of it agrees.');
  return 'done';
}

function verifyProof(path: string, key: Ed25519PublicKey, io: Io): Verdict {
  let read: ReturnType<typeof readProof>;
  try {
    read = readProof(readFileSync(path, 'utf8'), key);
  } catch (error) {
    const hint = 'do not rely on this proof; ask whoever gave it to you';
    throw new FerryError({ fault: 'integrity', op: 'check the proof', subject: path, why: messageOf(error), hint });
  }
  const { head, subject, objects } = read;
  io.document({ ok: true, head, keyid: key.id, subject, objects });
  io.print(
    `${path}: ${objects.length} objects of ${subject}, in the log of ${head.plan.name} signed ${head.at} by ${key.id}`,
  );
  for (const { key: name, leaf } of objects)
    io.print(
      `  ${JSON.stringify(name)}  ${leaf.outcome}  ${leaf.source} -> ${leaf.centre}  ${leaf.size} bytes  ${leaf.sha256 ?? ''}`,
    );
  return 'done';
}

export interface ProveOptions extends GlobalOptions {
  readonly where?: readonly string[];
  readonly object?: readonly string[];
  readonly key?: string;
  readonly out: string;
}

/** `ferry evidence prove PLAN --where user=U --out FILE`: one person's objects, each proven to be in the log. */
export async function evidenceProve(file: string, options: ProveOptions, io: Io): Promise<Verdict> {
  const opened = await openPlan(file, options, io);
  const where = Object.fromEntries((options.where ?? []).map((text) => captureOf(opened, text)));
  const keys = new Set(options.object);
  const subject = [...Object.entries(where).map(([name, value]) => `${name}=${value}`), ...keys].join(', ');
  if (subject === '') throw usage('prove', opened.plan.name, 'nothing says whose objects', 'say --where NAME=VALUE');
  return await withLog('evidence prove', opened, io, async (ledger) => {
    const signer = await evidenceSigner(options.key, opened.stateDir, io);
    const objects = proveObjects(opened.plan, ledger, { where, keys });
    if (objects.length === 0)
      throw usage('prove', subject, 'the log has no object of it', 'see what `ferry status` knows of the plan');
    const work = { plan: opened.plan, ledger, clock: systemClock, signer, version: version() };
    writeNewFile(options.out, proofText({ head: await signedHead(work), objects, subject }), 0o600);
    io.document({ plan: opened.plan.name, subject, objects: objects.length, out: options.out, keyid: signer.key.id });
    io.print(
      `${options.out}: ${objects.length} objects of ${subject}; check it with: ferry evidence verify ${options.out} --key PUB`,
    );
    return 'done';
  });
}

export interface AddOptions extends GlobalOptions {
  readonly audit: string;
}

/** `ferry evidence add PLAN --audit FILE`: an auditor's statement becomes part of the log. */
export async function evidenceAdd(file: string, options: AddOptions, io: Io): Promise<Verdict> {
  const opened = await openPlan(file, options, io);
  return await withLog('evidence add', opened, io, async (ledger) => {
    const text = statementIn(options.audit, ledger.uuid);
    if (ledger.log.testimony().some((one) => one.text === text))
      throw usage('add', options.audit, 'the log has it already', 'nothing is left to do');
    ledger.log.testify('audit', text);
    gatherEvidence(opened, ledger);
    io.document({ plan: opened.plan.name, added: options.audit, size: ledger.log.size });
    io.print(`${options.audit} is in the log, which has ${ledger.log.size} leaves now`);
    return 'done';
  });
}

function statementIn(file: string, uuid: string): string {
  let text: string;
  try {
    text = readSmallFile(file, LONGEST_STATEMENT, () => false)
      .toString('utf8')
      .trim();
  } catch (error) {
    throw usage('read', file, whyUnreadable(error), 'name what `ferry audit --key` wrote');
  }
  try {
    if (readAudit(text, []).ledger !== uuid) throw new Error('it is of another ledger');
  } catch (error) {
    throw new FerryError({
      fault: 'integrity',
      op: 'add',
      subject: file,
      why: messageOf(error),
      hint: 'name what `ferry audit --key` wrote for this plan',
    });
  }
  return text;
}

/** Brings the log up to date before the call itself is recorded, so that a bundle does not hold half of its own making. */
async function withLog(
  command: string,
  opened: Opened,
  io: Io,
  work: (ledger: Ledger) => Promise<Verdict>,
): Promise<Verdict> {
  const known = Ledger.read(opened.stateDir);
  if (known === undefined)
    throw usage(command, `plan ${opened.plan.name}`, 'no run of it has begun yet', 'begin with `ferry run`');
  known.close();
  const lock = takeLock(opened.stateDir, command);
  try {
    const ledger = Ledger.open(opened.stateDir);
    try {
      gatherEvidence(opened, ledger);
      return await recorded(ledger, callOf(command, opened), io, () => work(ledger));
    } finally {
      ledger.close();
    }
  } finally {
    lock.release();
  }
}

function captureOf({ plan }: Opened, text: string): [string, string] {
  const at = text.indexOf('=');
  const name = text.slice(0, at);
  const names = captureNames(plan);
  if (at > 0 && names.includes(name)) return [name, text.slice(at + 1)];
  const hint = names.length === 0 ? 'the plan has no pattern; use --object KEY' : `NAME is one of ${names.join(', ')}`;
  throw usage('prove', `--where ${text}`, 'it is not NAME=VALUE with a name of a pattern of the plan', hint);
}

function publicKey(file: string): Ed25519PublicKey {
  try {
    return readPublicKey(file);
  } catch (error) {
    throw usage('use the key', file, whyUnreadable(error), 'name the public key of whoever signed the evidence');
  }
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() === true;
}

function numberOf(text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw usage('choose a segment', `--segment ${text}`, 'it is no number', 'segments are numbered from 0');
}

function writeThrough(file: string, bytes: Uint8Array | string): void {
  const fd = openSync(file, 'wx', 0o600);
  try {
    writeFileSync(fd, bytes);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

function usage(op: string, subject: string, why: string, hint: string): FerryError {
  return new FerryError({ fault: 'usage', op, subject, why, hint });
}
