export interface FindingTopic {
  readonly id: string;
  readonly means: string;
  readonly next: string;
}

/** What `ferry plan` and `ferry validate` find beside the residency rules: for `ferry explain` and docs/reference.md. */
export const FINDINGS: readonly FindingTopic[] = [
  {
    id: 'coverage',
    means: 'objects that no partition selects and no exclude names; a run refuses them with exit code 3',
    next: 'add a partition or an exclude with its reason, or say unassigned: allow',
  },
  {
    id: 'conflict',
    means: 'objects whose centre holds other bytes under their keys, or that cannot be read',
    next: 'look at the sample under conflictSample; move the other bytes away, or change the partition',
  },
  {
    id: 'loss',
    means: 'objects carry something that their centre cannot hold',
    next: 'name it in accept, or choose a centre that holds it; docs/fidelity.md',
  },
  {
    id: 'held',
    means: 'objects are locked at their source, and the plan says objectLock: refuse',
    next: 'use objectLock: carry, or leave them until their retention ends',
  },
  {
    id: 'keep',
    means: 'tombstone.keep asks for something that a source cannot do',
    next: 'leave keep out, or name one that the source has; docs/tombstone.md',
  },
  {
    id: 'versions',
    means: 'versions: all, and the centre keeps no histories',
    next: 'enable versioning at the centre, or say versions: current',
  },
  {
    id: 'history',
    means: 'the source keeps older versions that would not move',
    next: 'say versions: all where they are wanted; docs/versions.md',
  },
  {
    id: 'hidden-keys',
    means: 'the source may hide keys that lie under another object’s key from its listings',
    next: 'run `ferry doctor`; name all keys in a manifest where it does; docs/stores.md',
  },
  {
    id: 'key-under-key',
    means: 'keys that lie under the key of another object, which some servers do not list',
    next: 'run `ferry doctor`; choose another centre, or exclude them',
  },
  {
    id: 'leading-slash',
    means: 'keys that begin with a slash, which some servers drop',
    next: 'run `ferry doctor`; choose another centre, or exclude them',
  },
  {
    id: 'empty-segment',
    means: 'keys with two slashes in a row, which some servers refuse or make one of',
    next: 'run `ferry doctor`; choose another centre, or exclude them',
  },
  {
    id: 'dot-segment',
    means: 'keys with a segment "." or "..", which some servers refuse or resolve',
    next: 'run `ferry doctor`; choose another centre, or exclude them',
  },
  {
    id: 'credentials',
    means: 'two stores would be shown the same credentials',
    next: 'give each store variables or a profile of its own',
  },
];
