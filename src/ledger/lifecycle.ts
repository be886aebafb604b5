/**
 * The life of an object, in one table. `planned -> copied -> verified -> tombstoned -> purged`; `restored` after a restore;
 * the rest are outcomes that need a person and that a later run looks at again, from the copy on.
 */
export const STATES = [
  'planned',
  'copied',
  'verified',
  'tombstoned',
  'purged',
  'restored',
  'conflict',
  'gone',
  'held',
  'unverifiable',
  'failed',
] as const;

export type State = (typeof STATES)[number];

/** Outcomes that need a person. */
export const UNRESOLVED = ['conflict', 'gone', 'held', 'unverifiable', 'failed'] as const satisfies readonly State[];

export type Unresolved = (typeof UNRESOLVED)[number];

const needsPerson: readonly State[] = UNRESOLVED;

/** Every allowed move. What is not here is a bug and is refused. */
const MOVES: Readonly<Record<State, readonly State[]>> = {
  planned: ['copied', ...needsPerson],
  copied: ['verified', ...needsPerson],
  verified: ['tombstoned', ...needsPerson],
  tombstoned: ['purged', 'restored', 'conflict', 'held', 'failed'],
  purged: ['conflict'],
  restored: [],
  conflict: ['copied', ...needsPerson],
  gone: ['copied', ...needsPerson],
  held: ['copied', 'purged', ...needsPerson],
  unverifiable: ['copied', ...needsPerson],
  failed: ['copied', 'restored', ...needsPerson],
};

export function mayMove(from: State, to: State): boolean {
  return MOVES[from].includes(to);
}

export function isUnresolved(state: State): state is Unresolved {
  return needsPerson.includes(state);
}

/** A count for every state, all zero. */
export function noStates(): Record<State, number> {
  return Object.fromEntries(STATES.map((state) => [state, 0])) as Record<State, number>;
}
