import { closeSync, fsyncSync, openSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { systemClock } from '../../base/clock.ts';
import type { Ed25519PublicKey } from '../../base/ed25519.ts';
import { FerryError, messageOf } from '../../base/errors.ts';
import { checkBundle } from '../../engine/evidence/check.ts';
import { exportBundle } from '../../engine/evidence/export.ts';
import { readProof } from '../../evidence/proof.ts';
import { formatBytes } from '../../plan/units.ts';
import { noSuch, withLog } from '../evidence-call.ts';
import { evidenceSigner } from '../evidence-log.ts';
import type { GlobalOptions, Io, Verdict } from '../io.ts';
import { publicKey } from '../public-key.ts';
import { openPlan } from '../session.ts';
import { version } from '../version.ts';

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
    throw noSuch('export evidence', '--redact keys', '--keys plain says the opposite', 'say one of the two');
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
  const {
    head,
    counted,
    leaves,
    earlierHeads,
    stampedAt,
    manifest: _,
    ...rest
  } = await checkBundle({
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
  if (counted.recovered > 0)
    io.print(
      `The ledger was lost and rebuilt: ${counted.recovered} leaves are of tombstones older than this log. That they were verified and approved before is in the log before alone.`,
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

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() === true;
}

function numberOf(text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw noSuch('choose a segment', `--segment ${text}`, 'it is no number', 'segments are numbered from 0');
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
