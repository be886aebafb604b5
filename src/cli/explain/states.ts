import type { State } from '../../ledger/lifecycle.ts';

export interface StateTopic {
  readonly means: string;
  readonly next: string;
}

/** What each state of an object means and what to do about it: for `ferry explain` and docs/reference.md. */
export const STATE_TOPICS: Readonly<Record<State, StateTopic>> = {
  planned: { means: 'it was listed, and nothing was done yet', next: '`ferry run` copies it' },
  copied: { means: 'its bytes are at the centre, and that is not proven yet', next: '`ferry run` verifies it' },
  verified: {
    means: 'its copy is proven, and the source was not touched',
    next: '`ferry run` puts the tombstone, where the plan says finish: tombstoned',
  },
  tombstoned: {
    means: 'a marker is in its place at the source; within the hold it can be undone',
    next: '`ferry restore` undoes it, `ferry purge` removes for good what it hides once the hold is over',
  },
  purged: { means: 'what its tombstone hid is removed for good', next: 'nothing; its copy is at the centre' },
  restored: {
    means: 'its tombstone was undone, and it is at the source again as it was',
    next: 'nothing; `ferry run` leaves it alone, and its copy stays at the centre',
  },
  conflict: {
    means:
      'the source was changed after it was read, or the centre holds other bytes under its key; nothing was overwritten',
    next: 'decide which bytes count, move the others away by hand, and run again',
  },
  gone: {
    means: 'the source vanished before its copy, so somebody deleted it',
    next: 'nothing if that was meant; if not, bring it back from a backup, and run again',
  },
  held: {
    means: 'a retention or a legal hold is on it, so it may not be removed, or the plan says objectLock: refuse',
    next: 'wait for the date that the reason tells, or have the hold lifted by whoever set it; then run or purge again',
  },
  unverifiable: {
    means: 'the plan says verify: attested, and the centre keeps no SHA-256 of it',
    next: 'use verify: readback, and run again',
  },
  failed: {
    means: 'something else stopped this one object; its reason tells what',
    next: 'mend what the reason names, and run again: it is tried from the copy on',
  },
};
