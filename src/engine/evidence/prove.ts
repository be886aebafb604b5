import { inclusionProof, leafHashText } from '../../base/merkle.ts';
import { saltOf } from '../../evidence/object-leaf.ts';
import type { Proof } from '../../evidence/proof.ts';
import { TreeIndex } from '../../evidence/tree-index.ts';
import type { Ledger } from '../../ledger/ledger.ts';
import { linesOf } from '../../ledger/log-book.ts';
import { compilePattern, type Pattern } from '../../plan/pattern.ts';
import type { Plan } from '../../plan/types.ts';

/** Which objects a proof is of: those whose key the partition's pattern reads as these captures, or exactly these keys. */
export interface ProofOf {
  readonly where: Readonly<Record<string, string>>;
  readonly keys: ReadonlySet<string>;
}

/** The proofs of all objects that are asked for, over the log as it is. The log is read once; it does not stay in memory. */
export function proveObjects(plan: Plan, ledger: Ledger, of: ProofOf): Proof['objects'] {
  const wanted = [...wantedObjects(plan, ledger, of)];
  if (wanted.length === 0) return [];
  const index = new TreeIndex((start, end) => ledger.log.lines(start, end));
  for (const batch of ledger.log.batches()) for (const line of linesOf(batch.lines)) index.push(leafHashText(line));
  const secret = ledger.log.salt();
  return wanted.map(({ leaf, source, key }) => ({
    inclusion: inclusionProof(leaf, index.size, index.subtree).map((node) => node.toString('hex')),
    key,
    leaf,
    salt: saltOf(secret, source, key).toString('hex'),
    text: ledger.log.lines(leaf, leaf + 1).join(''),
  }));
}

function* wantedObjects(plan: Plan, ledger: Ledger, { where, keys }: ProofOf) {
  const patterns = new Map<string, Pattern>();
  for (const { name, select } of plan.partitions)
    if (select.by === 'pattern') patterns.set(name, compilePattern(select.pattern));
  const names = Object.entries(where);
  for (const one of ledger.log.keys()) {
    if (keys.has(one.key)) yield one;
    else if (names.length > 0) {
      const captures = patterns.get(one.partition)?.match(one.key);
      if (captures !== undefined && names.every(([name, value]) => captures[name] === value)) yield one;
    }
  }
}

/** Names of captures that some partition's pattern has. */
export function captureNames(plan: Plan): string[] {
  const names = plan.partitions.flatMap(({ select }) =>
    select.by === 'pattern' ? compilePattern(select.pattern).captures : [],
  );
  return [...new Set(names)].sort();
}
