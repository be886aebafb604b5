import { createHash } from 'node:crypto';
import type { ApproverSpec, Plan } from '../plan/types.ts';
import { type Breach, type Case, refusal } from './finding.ts';

/** Checks of who may decide. */

export function approversInsideZone({ plan, zone, zoneText }: Case): readonly Breach[] {
  return plan.approvers.flatMap(({ name, jurisdiction }, index) => {
    if (zone.has(jurisdiction)) return [];
    const what = `approver ${name} is in ${jurisdiction}, outside the residency zone ${zoneText}`;
    return [refusal(`approvers[${index}].jurisdiction`, what)];
  });
}

/** With nobody named at all the plan is only not finished: it may copy and verify, and `run` refuses its first tombstone. */
export function enoughApprovers(subject: Case): readonly Breach[] {
  const { plan, zoneText } = subject;
  const asked = approvalsAsked(plan);
  const possible = possibleApprovers(subject);
  if (possible.length >= asked) return [];
  const there = possible.length === 0 ? 'none' : `only ${possible.length}`;
  const what = `the plan asks for ${asked} approvals, and of its approvers ${there} can give one inside the zone ${zoneText}`;
  return [{ severity: plan.approvers.length === 0 ? 'warning' : 'error', subject: 'tombstone.approvals', what }];
}

export function operatorNotAlone(subject: Case): readonly Breach[] {
  const { plan } = subject;
  const operator = plan.runner?.operator;
  const possible = possibleApprovers(subject);
  if (approvalsAsked(plan) === 0 || operator === undefined || possible.length === 0) return [];
  if (possible.some((name) => name.toLowerCase() !== operator.toLowerCase())) return [];
  return [refusal('runner.operator', `${operator} runs ferry and is the only one who can approve what it does`)];
}

/** Approvals stand before the first tombstone, so a plan that makes none asks for none. */
function approvalsAsked({ finish, tombstone }: Plan): number {
  return finish === 'tombstoned' ? tombstone.approvals : 0;
}

/** Names of those who can approve, each once: inside the zone, with a key of their own that is not revoked. */
function possibleApprovers({ plan, zone }: Case): readonly string[] {
  const byKey = new Map<string, string>();
  for (const approver of plan.approvers) {
    if (!zone.has(approver.jurisdiction) || isRevoked(plan, approver)) continue;
    const key = 'path' in approver.key ? approver.key.path : (blobOf(approver.key.text) ?? approver.key.text);
    if (!byKey.has(key)) byKey.set(key, approver.name);
  }
  return [...new Set(byKey.values())];
}

/** Of keys that stand in the plan. One in a file is judged where its approval is. */
function isRevoked(plan: Plan, { key }: ApproverSpec): boolean {
  const blob = 'text' in key ? blobOf(key.text) : undefined;
  if (blob === undefined) return false;
  const id = createHash('sha256').update(Buffer.from(blob, 'base64')).digest('base64').replace(/=+$/, '');
  return plan.revoked.includes(`SHA256:${id}`);
}

/** The base64 of `ssh-ed25519 AAAA… comment`. */
function blobOf(text: string): string | undefined {
  return text.split(/\s+/)[1];
}
