import { systemClock } from '../../base/clock.ts';
import { captureNames, proveObjects } from '../../engine/evidence/prove.ts';
import { signedHead } from '../../engine/evidence/signed-head.ts';
import { proofText } from '../../evidence/proof.ts';
import { noSuch, withLog } from '../evidence-call.ts';
import { evidenceSigner } from '../evidence-log.ts';
import type { GlobalOptions, Io, Verdict } from '../io.ts';
import { writeNewFile } from '../new-file.ts';
import { type Opened, openPlan } from '../session.ts';
import { version } from '../version.ts';

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
  if (subject === '') throw noSuch('prove', opened.plan.name, 'nothing says whose objects', 'say --where NAME=VALUE');
  return await withLog('evidence prove', opened, io, async (ledger) => {
    const signer = await evidenceSigner(options.key, opened.stateDir, io);
    const objects = proveObjects(opened.plan, ledger, { where, keys });
    if (objects.length === 0)
      throw noSuch('prove', subject, 'the log has no object of it', 'see what `ferry status` knows of the plan');
    const work = { plan: opened.plan, ledger, clock: systemClock, signer, version: version() };
    writeNewFile(options.out, proofText({ head: await signedHead(work), objects, subject }), 0o600);
    io.document({ plan: opened.plan.name, subject, objects: objects.length, out: options.out, keyid: signer.key.id });
    io.print(
      `${options.out}: ${objects.length} objects of ${subject}; check it with: ferry evidence verify ${options.out} --key PUB`,
    );
    return 'done';
  });
}

function captureOf({ plan }: Opened, text: string): [string, string] {
  const at = text.indexOf('=');
  const name = text.slice(0, at);
  const names = captureNames(plan);
  if (at > 0 && names.includes(name)) return [name, text.slice(at + 1)];
  const hint = names.length === 0 ? 'the plan has no pattern; use --object KEY' : `NAME is one of ${names.join(', ')}`;
  throw noSuch('prove', `--where ${text}`, 'it is not NAME=VALUE with a name of a pattern of the plan', hint);
}
