import type { Clock } from '../base/clock.ts';
import { FerryError } from '../base/errors.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { Plan } from '../plan/types.ts';
import { type Approvable, type Given, type Judgement, judgeApprovals } from '../policy/approvals.ts';
import {
  driftBeyond,
  parseSealed,
  planChange,
  revokedIn,
  type SealedInventory,
  type SealedPlan,
  sealedDigest,
} from '../policy/sealed-plan.ts';
import { countriesOf } from '../policy/zone.ts';

export interface AuthorityWork {
  readonly plan: Plan;
  readonly ledger: Ledger;
  readonly clock: Clock;
  /** Who runs ferry. */
  readonly operator: string;
  /** As given with this call; left out: the one that the ledger recorded last. */
  readonly sealed: SealedPlan | undefined;
  readonly approvals: readonly Given[];
  /** What needs approvals in this call; `undefined` when nothing does. */
  readonly what: Approvable | undefined;
}

/**
 * What a call is allowed to do: the sealed plan that it is under, and the approvals that count for it. Nothing is believed because
 * the ledger has it: what it remembers is judged again, with the time that it is.
 */
export class Authority {
  readonly sealed: SealedPlan;
  readonly #work: AuthorityWork;
  #uncompared: boolean;
  #judgement: Judgement | undefined;

  private constructor(work: AuthorityWork, sealed: SealedPlan) {
    this.#work = work;
    this.sealed = sealed;
    this.#uncompared = work.ledger.seals.find(sealed.digest)?.compared !== true;
  }

  /**
   * @returns `undefined` where no sealed plan is given and no approval is needed.
   * @throws FerryError `refused` where the plan is not the one that was sealed, or approvals are missing.
   */
  static open(work: AuthorityWork): Authority | undefined {
    const { plan, ledger, what } = work;
    const known = work.sealed === undefined && what !== undefined ? ledger.seals.find() : undefined;
    const sealed = work.sealed ?? (known && parseSealed(known.text, 'the ledger'));
    if (sealed === undefined) {
      if (what === undefined) return undefined;
      const why = `it asks for ${plan.tombstone.approvals} approvals of a sealed plan, and none is given`;
      throw refused(
        plan,
        what,
        why,
        `\`ferry plan PLAN --out FILE\`, \`ferry approve FILE --key KEY\`, then --sealed and --approval`,
      );
    }
    requireSealed(plan, sealed);
    const authority = new Authority(work, sealed);
    authority.#judge();
    return authority;
  }

  /** Whether the sources must still be compared with what was sealed. */
  get uncompared(): boolean {
    return this.#uncompared;
  }

  /** Who has approved; empty where nothing needs it. */
  get approvers(): readonly { readonly approver: string; readonly keyid: string; readonly until: string }[] {
    return (this.#judgement?.counted ?? []).map(({ approver, until }) => ({
      approver: approver.name,
      keyid: approver.key.id,
      until: new Date(until).toISOString(),
    }));
  }

  /** What was given and does not count, although enough does. */
  get rejected(): Judgement['rejected'] {
    return this.#judgement?.rejected ?? [];
  }

  /** Compares the sources, as they were just listed, with what was sealed; once. @throws FerryError `refused`. */
  compare(now: readonly SealedInventory[]): void {
    const { plan } = this.#work;
    const drift = this.#uncompared ? driftBeyond(plan.drift, this.sealed.inventories, now) : undefined;
    if (drift !== undefined) throw stale(plan, drift);
    this.#uncompared = false;
    this.record();
  }

  /** Writes into the ledger what this call is under. */
  record(): void {
    const { ledger, what } = this.#work;
    const { digest, text } = this.sealed;
    ledger.seals.record(digest, text, !this.#uncompared);
    if (what === undefined) return;
    for (const { text: envelope, approver } of this.#judgement?.counted ?? []) {
      const approval = { digest: sealedDigest(envelope), text: envelope, approver: approver.name };
      ledger.seals.recordApproval(digest, what, approval);
    }
  }

  /** Asked before every single thing that needs approvals: they may have run out since. @throws FerryError `refused`. */
  permit(): void {
    const ends = (this.#judgement?.counted ?? []).map(({ until }) => until);
    if (Math.min(Number.POSITIVE_INFINITY, ...ends) <= this.#work.clock.now()) this.#judge();
  }

  #judge(): void {
    const { plan, ledger, what, approvals, operator, clock } = this.#work;
    if (what === undefined) return;
    const texts = new Set(approvals.map(({ text }) => text));
    const remembered = ledger.seals.approvals(this.sealed.digest).filter(({ text }) => !texts.has(text));
    const given = [
      ...approvals,
      ...remembered.map(({ text, approver }) => ({ from: `the ledger (${approver})`, text })),
    ];
    const judgement = judgeApprovals(given, {
      plan: this.sealed.plan.name,
      sealed: this.sealed.digest,
      what,
      approvers: this.sealed.approvers,
      revoked: revokedIn(plan, this.sealed),
      zone: countriesOf(plan.residency.zone),
      needed: plan.tombstone.approvals,
      operator,
      now: clock.now(),
    });
    const { lacking, rejected } = judgement;
    if (lacking !== undefined) {
      const why = [lacking, ...rejected.map((one) => `${one.from}: ${one.why}`)].join('; ');
      throw refused(plan, what, why, 'let approvers approve with `ferry approve`, and name each file with --approval');
    }
    this.#judgement = judgement;
  }
}

/** @throws FerryError `refused` where a plan is not the one that was sealed. */
export function requireSealed(plan: Plan, sealed: SealedPlan): void {
  const change = planChange(plan, sealed);
  if (change !== undefined) throw stale(plan, change);
}

function stale(plan: Plan, why: string): FerryError {
  return new FerryError({
    fault: 'refused',
    op: 'go by the sealed plan',
    subject: `plan ${plan.name}`,
    why: `stale: ${why}`,
    hint: 'seal it anew with `ferry plan PLAN --out FILE` and have that approved',
  });
}

function refused(plan: Plan, what: Approvable, why: string, hint: string): FerryError {
  const op = what === 'purge' ? 'purge' : 'empty the legacy stores';
  const until = what === 'purge' ? '' : '; `--until verified` needs none';
  return new FerryError({ fault: 'refused', op, subject: `plan ${plan.name}`, why, hint: `${hint}${until}` });
}
