import { STATES } from '../../ledger/lifecycle.ts';
import { RULES } from '../../policy/rules.ts';
import { EXIT_CODES } from '../exit-codes.ts';
import { FINDINGS } from './findings.ts';
import { STATE_TOPICS } from './states.ts';

export const KINDS = ['state', 'exit code', 'rule', 'finding'] as const;

/** One thing that can be asked about. */
export interface Topic {
  readonly word: string;
  readonly kind: (typeof KINDS)[number];
  readonly means: string;
  readonly next: string;
  readonly why?: string;
  readonly doesNotCover?: string;
}

/** Every object state, exit code, residency rule and plan finding. A word may be of two kinds. */
export const TOPICS: readonly Topic[] = [
  ...STATES.map((word): Topic => ({ word, kind: 'state', ...STATE_TOPICS[word] })),
  ...EXIT_CODES.map(({ code, means, next }): Topic => ({ word: String(code), kind: 'exit code', means, next })),
  ...RULES.map(({ id, title, reason, doesNotCover, mend }): Topic => {
    return { word: id, kind: 'rule', means: title, next: mend, why: reason, doesNotCover };
  }),
  ...FINDINGS.map(({ id, means, next }): Topic => ({ word: id, kind: 'finding', means, next })),
];
