import type { Unresolved } from '../ledger/lifecycle.ts';

/** What to do about objects whose reason is like this one (docs/operations.md, "Objects that need a person"). */
const BY_REASON: readonly (readonly [RegExp, string])[] = [
  [
    /already holds other bytes/,
    "Decide which bytes are right. Move the centre's object away to have the source's copied.",
  ],
  [
    /changed after its copy|written in the moment/,
    'The copy at the centre is the older one. Move it away, then run again.',
  ],
  [
    /written again after its tombstone/,
    'The copy at the centre is the older one. Move it away, then run again. What was tombstoned is still kept.',
  ],
  [/was deleted after its copy/, 'Decide whether the copy must go too. Put the object back, or leave it listed.'],
  [/is not the one that was verified/, 'Find out who wrote at the centre, then run again.'],
  [/tombstone that this ledger does not know/, 'Use the state directory of the run that put it there.'],
  [/symbolic link/, 'Set links: record or links: follow on the store, replace the link by a file, or exclude it.'],
  [/archived/, 'Restore it from the archive at the source, so that it can be read, then run again.'],
  [/cannot be held|cannot hold/, 'Use another kind of store as the centre, or rename the object at the source.'],
  [/takes no object of that size/, 'Use another centre for it.'],
];

/** What to do where nothing more is known than the state. */
const BY_STATE: Readonly<Record<Unresolved, string>> = {
  conflict: 'Compare source and centre, decide which bytes are right, move the other away, then run again.',
  gone: 'Put the object back at the source, or leave it listed.',
  held: 'Wait for the date of the lock, or say objectLock: carry in the plan.',
  unverifiable: 'Say verify: readback in the plan, then run again.',
  failed: 'Mend the cause that the reason tells, then run again.',
};

export function adviceFor(state: Unresolved, reason: string): string {
  return BY_REASON.find(([pattern]) => pattern.test(reason))?.[1] ?? BY_STATE[state];
}
