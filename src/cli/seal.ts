import type { Survey } from '../migration/survey.ts';
import type { Plan } from '../plan/types.ts';
import { sealedDigest, sealedText } from '../policy/sealed-plan.ts';
import { replaceFile } from './new-file.ts';
import { version } from './version.ts';

/** A finding of any kind; what it says beside these is not sealed. */
type AnyFinding = Readonly<Record<'rule' | 'severity' | 'subject' | 'message', string>>;

/** Writes a sealed plan; a file that is there gives way, as with `terraform plan -out`. @returns its digest. */
export function writeSealed(file: string, plan: Plan, found: Survey, findings: readonly AnyFinding[]): string {
  const text = sealedText(
    plan,
    {
      inventories: found.inventories.map(({ source, digest, objects, bytes }) => ({ source, digest, objects, bytes })),
      totals: {
        objects: found.partitions.reduce((sum, { objects }) => sum + objects, 0),
        bytes: found.partitions.reduce((sum, { bytes }) => sum + bytes, 0),
      },
      partitions: found.partitions.map(({ name, from, to, objects, bytes, alreadyThere, conflicts, tombstones }) => {
        return { name, from, to, objects, bytes, alreadyThere, conflicts, tombstones };
      }),
      unassigned: { objects: found.unassigned.objects, bytes: found.unassigned.bytes },
      excluded: { ...found.excluded },
      findings: findings.map(({ rule, severity, subject, message }) => ({ rule, severity, subject, message })),
    },
    version(),
    new Date(),
  );
  // Findings may show keys, which can be personal data.
  replaceFile(file, text, 0o600);
  return sealedDigest(text);
}
