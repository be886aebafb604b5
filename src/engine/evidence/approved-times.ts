import { parsePublicKey } from '../../base/ed25519.ts';
import type { LeafOf } from '../../evidence/leaf.ts';
import type { Plan } from '../../plan/types.ts';
import { type Approvable, judgeApprovals } from '../../policy/approvals.ts';
import { countriesOf } from '../../policy/zone.ts';

/** Seals and approvals as leaves tell them, and at which times they were enough. */
export class ApprovedTimes {
  readonly #seals = new Map<string, LeafOf<'seal'>>();
  readonly #approvals: LeafOf<'approval'>[] = [];
  readonly #operators = new Set<string>();
  /** Verdicts by plan, what, and the second. */
  readonly #known = new Map<string, string | undefined>();

  seal(leaf: LeafOf<'seal'>): void {
    for (const { key, keyid } of leaf.approvers)
      if (parsePublicKey(key).id !== keyid) throw new Error('a key of an approver is not the one of its id');
    this.#seals.set(leaf.digest, leaf);
    this.#known.clear();
  }

  approval(leaf: LeafOf<'approval'>): void {
    if (!this.#seals.has(leaf.seal)) throw new Error('it approves a sealed plan that no leaf before it tells');
    this.#approvals.push(leaf);
    this.#known.clear();
  }

  /** Someone who ran ferry. */
  operator(name: string): void {
    if (this.#operators.has(name)) return;
    this.#operators.add(name);
    this.#known.clear();
  }

  /**
   * Whether one of the plans let this be done at a time.
   *
   * @param at RFC 3339 in UTC.
   * @returns why not.
   */
  lacking(plans: readonly Plan[], what: Approvable, at: string): string | undefined {
    const name = `${plans.length}/${what}/${at.slice(0, 19)}`;
    if (!this.#known.has(name)) {
      if (this.#known.size > 10_000) this.#known.clear();
      this.#known.set(name, this.#judge(plans, what, Date.parse(at)));
    }
    return this.#known.get(name);
  }

  #judge(plans: readonly Plan[], what: Approvable, now: number): string | undefined {
    let why: string | undefined = 'no plan before it';
    for (const plan of plans) {
      const needed = plan.tombstone.approvals;
      if (needed === 0) return undefined;
      why = `${what} needs ${needed} approvals`;
      for (const seal of this.#seals.values()) {
        if (seal.planName !== plan.name) continue;
        const lacking = this.#judgeSeal(plan, seal, what, now, needed);
        if (lacking === undefined) return undefined;
        why = lacking;
      }
    }
    return why;
  }

  #judgeSeal(plan: Plan, seal: LeafOf<'seal'>, what: Approvable, now: number, needed: number): string | undefined {
    const given = this.#approvals
      .filter((one) => one.seal === seal.digest && one.what === what)
      .map(({ envelope }) => ({ from: 'a leaf', text: envelope }));
    const { counted, lacking } = judgeApprovals(given, {
      plan: plan.name,
      sealed: seal.digest,
      what,
      approvers: seal.approvers.map(({ name, jurisdiction, key }) => ({
        name,
        jurisdiction,
        key: parsePublicKey(key),
      })),
      revoked: new Set(seal.revoked),
      zone: countriesOf(plan.residency.zone),
      needed,
      operator: plan.runner?.operator ?? '',
      now,
    });
    if (lacking !== undefined || plan.runner?.operator !== undefined) return lacking;
    // The plan names no operator: whoever ran ferry must not have been the only one.
    const others = counted.some(({ approver }) => !this.#operators.has(approver.name));
    return others || needed === 0 ? undefined : 'whoever ran ferry was the only approver';
  }
}
