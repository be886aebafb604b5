import type { Plan } from '../plan/types.ts';
import type { StoreKind } from '../store/store.ts';

/** What a plan does with a store. */
export interface StoreUse {
  readonly kind: StoreKind;
  readonly role: 'source' | 'centre' | 'both';
  /** A source whose objects are to be tombstoned. */
  readonly emptied: boolean;
  /** Such a source may do without compare-and-swap: its history tells what came between. */
  readonly withoutCas: boolean;
  /** A centre whose own checksums are to be the proof. */
  readonly attested: boolean;
  /** Whether whole histories of keys move from or to it. */
  readonly histories: boolean;
  /** How its objects must be encrypted at rest: as the plan names it, or `any` where a partition only requires it. */
  readonly encryption: string | undefined;
}

export function useOf(plan: Plan, store: string, kind: StoreKind): StoreUse {
  const source = plan.partitions.some(({ from }) => from === store);
  const into = plan.partitions.filter(({ to }) => to === store);
  const spec = plan.stores[store];
  const asked = spec?.type === 's3' ? spec.encryption?.type : undefined;
  const required = into.some(({ encryption }) => encryption === 'required');
  return {
    kind,
    role: into.length === 0 ? 'source' : source ? 'both' : 'centre',
    emptied: source && plan.finish === 'tombstoned',
    withoutCas: source && plan.finish === 'tombstoned' && plan.tombstone.without === 'cas',
    attested: into.length > 0 && plan.verify === 'attested',
    histories: plan.partitions.some(({ from, to, versions }) => versions === 'all' && (from === store || to === store)),
    encryption: asked ?? (required ? 'any' : undefined),
  };
}

/** One thing that a store may be able to do. Data: the steps ask what was shown, never whose server it is. */
export interface CapabilityRow {
  readonly id: string;
  /** The kinds of stores of which it means something; all where left out. */
  readonly kinds?: readonly StoreKind[];
  readonly means: string;
  /** - `way`: nothing goes without it; `safety`: emptying and not overwriting rest on it, so not to know is not enough; `fact`: to know */
  readonly weight: 'way' | 'safety' | 'fact';
  readonly needed: (use: StoreUse) => boolean;
  /** Whether it is tried by writing an object. */
  readonly writes: boolean;
  /** Neither answer is wrong. */
  readonly either?: true;
  /** What to do where it is needed, or would be good, and is not there. */
  readonly fix?: string | ((use: StoreUse) => string | undefined);
}

const always = (): boolean => true;
const never = (): boolean => false;
const centre = ({ role }: StoreUse): boolean => role !== 'source';
const emptied = (use: StoreUse): boolean => use.emptied;
const swapped = (use: StoreUse): boolean => use.emptied && !use.withoutCas;
const written = (use: StoreUse): boolean => centre(use) || use.emptied;
const attested = (use: StoreUse): boolean => use.attested;

/** What matters of a store that objects are moved to. */
function atCentre(fix: string): (use: StoreUse) => string | undefined {
  return ({ role }) => (role === 'source' ? undefined : fix);
}

/** Everything that `doctor` tries, in this order: what writes comes after what tells whether writing can be undone. */
export const CAPABILITIES: readonly CapabilityRow[] = [
  {
    id: 'reach',
    means: 'the folder is there, or the bucket answers',
    weight: 'way',
    needed: always,
    writes: false,
    fix: 'see that the folder or bucket is there, and that address, region and credentials are right',
  },
  {
    id: 'clock',
    means: "the store's clock agrees with this machine's, within 5 minutes",
    weight: 'way',
    needed: always,
    writes: false,
    fix: 'set both clocks by NTP: signed requests, holds and times of objects rest on them',
  },
  {
    id: 'room',
    kinds: ['file'],
    means: 'the disk has room and can hold another file',
    weight: 'way',
    needed: centre,
    writes: false,
    fix: 'make room, or use another disk',
  },
  {
    id: 'list',
    means: 'objects can be listed',
    weight: 'way',
    needed: always,
    writes: false,
    fix: 'give the credentials the right to list (s3:ListBucket), or the user the right to read the folder',
  },
  {
    id: 'versioning',
    kinds: ['s3'],
    either: true,
    means: 'a tombstone keeps the old bytes as a version; else restore brings the copy back',
    weight: 'fact',
    needed: (use) => (use.histories && centre(use)) || use.withoutCas,
    writes: false,
    fix: ({ withoutCas }) =>
      withoutCas
        ? 'enable versioning: without: cas needs it, since nothing else tells what came between'
        : 'enable versioning, or say `versions: current`: a centre without versions keeps no history',
  },
  {
    id: 'object-lock',
    kinds: ['s3'],
    either: true,
    means: 'versions can be locked against removal',
    weight: 'fact',
    needed: never,
    writes: false,
    fix: 'a default retention also keeps what is tombstoned from being removed before its time; see that this is meant',
  },
  {
    id: 'list-versions',
    kinds: ['s3'],
    means: 'old versions and delete markers can be listed, which purge, scan and `versions: all` need',
    weight: 'fact',
    needed: ({ histories }) => histories,
    writes: false,
    fix: 'give the right to list versions (s3:ListBucketVersions), or old versions cannot be found',
  },
  {
    id: 'list-uploads',
    kinds: ['s3'],
    means: 'unfinished uploads can be listed, which purge and scan need',
    weight: 'fact',
    needed: never,
    writes: false,
    fix: 'give the right to list uploads (s3:ListBucketMultipartUploads), or unfinished ones cannot be found',
  },
  {
    id: 'write',
    means: 'an object can be written',
    weight: 'safety',
    needed: written,
    writes: true,
    fix: 'give the right to write (s3:PutObject), or the user the right to write the folder',
  },
  {
    id: 'read',
    means: 'an object can be read',
    weight: 'way',
    needed: always,
    writes: true,
    fix: 'give the right to read (s3:GetObject), or the user the right to read the files',
  },
  {
    id: 'remove',
    means: 'a probe object can be removed again, with all its versions',
    weight: 'way',
    needed: written,
    writes: true,
    fix: 'give the right to delete (s3:DeleteObject, s3:DeleteObjectVersion), and remove by hand what was left',
  },
  {
    id: 'create-if-absent',
    means: 'a write that must not overwrite does not (PUT If-None-Match: *, or link)',
    weight: 'safety',
    needed: centre,
    writes: true,
    fix: 'use a server that honours conditional writes: this one would overwrite what it holds',
  },
  {
    id: 'create-if-absent-races',
    means: 'of 8 such writes at once exactly one succeeds',
    weight: 'safety',
    needed: centre,
    writes: true,
    fix: 'use a server that honours conditional writes also when they come at once',
  },
  {
    id: 'replace-if-unchanged',
    means: 'a write over an object that has changed since is refused (PUT If-Match)',
    weight: 'safety',
    needed: swapped,
    writes: true,
    fix: 'use `finish: verified`, or enable versioning and say tombstone.without: cas: this store cannot be emptied otherwise without the danger of losing a write',
  },
  {
    id: 'complete-if-absent',
    kinds: ['s3'],
    means: 'the end of an upload in parts does not overwrite (CompleteMultipartUpload If-None-Match)',
    weight: 'safety',
    needed: centre,
    writes: true,
    fix: 'use a server that honours conditions at the end of an upload',
  },
  {
    id: 'complete-if-unchanged',
    kinds: ['s3'],
    means: 'the end of an upload over an object that has changed is refused; restore of large objects needs it',
    weight: 'safety',
    needed: swapped,
    writes: true,
    fix: 'use `finish: verified`: large objects could not be restored safely',
  },
  {
    id: 'delete-if-unchanged',
    kinds: ['s3'],
    either: true,
    means: 'a DELETE of an object that has changed is refused; ferry deletes nothing of yours that way',
    weight: 'fact',
    needed: never,
    writes: true,
  },
  {
    id: 'list-uploads-by-prefix',
    kinds: ['s3'],
    means: 'an unfinished upload is listed by the beginning of its key; else scan asks for each key that it knows',
    weight: 'fact',
    needed: never,
    writes: true,
    fix: ({ role }) =>
      role === 'centre'
        ? undefined
        : 'unfinished uploads to keys that nobody knows cannot be found there; ask whoever runs the server to abort old ones',
  },
  {
    id: 'chunked-trailer',
    kinds: ['s3'],
    means: 'an object over 4 MiB can be streamed with its checksum behind it',
    weight: 'way',
    needed: centre,
    writes: true,
    fix: 'use a server that takes trailing checksums: objects of 4 to 32 MiB would fail',
  },
  {
    id: 'checksum-sha256',
    kinds: ['s3'],
    means: 'a wrong SHA-256 is refused, and the right one given back',
    weight: 'way',
    needed: attested,
    writes: true,
    fix: 'use `verify: readback`: this server does not attest what it holds',
  },
  {
    id: 'checksum-composite',
    kinds: ['s3'],
    means: 'the SHA-256 of an object made of parts is given back',
    weight: 'way',
    needed: attested,
    writes: true,
    fix: 'use `verify: readback`: this server does not attest objects over 32 MiB',
  },
  {
    id: 'metadata',
    kinds: ['s3'],
    means: 'content type and user metadata are kept, also where they are not ASCII',
    weight: 'fact',
    needed: never,
    writes: true,
    fix: atCentre(
      'objects that carry metadata end as failed there: accept the loss in the plan, or choose another centre',
    ),
  },
  {
    id: 'tags',
    kinds: ['s3'],
    means: 'tags are kept, and may be read and written',
    weight: 'fact',
    needed: never,
    writes: true,
    fix: atCentre(
      'give the rights s3:PutObjectTagging and s3:GetObjectTagging, accept the loss in the plan, or choose another centre',
    ),
  },
  {
    id: 'encryption',
    kinds: ['s3'],
    means: 'objects are encrypted at rest as the plan says',
    weight: 'safety',
    needed: ({ encryption }) => encryption !== undefined,
    writes: true,
    fix: 'give the server a key, or change `encryption` in the plan',
  },
  {
    id: 'lists-key-under-key',
    kinds: ['s3'],
    means: "a key under another object's key is listed",
    weight: 'fact',
    needed: never,
    writes: true,
    fix: ({ role }) =>
      role === 'centre'
        ? 'run leaves such keys at the source; send them to a store that keeps them (docs/stores.md)'
        : 'to be sure of all objects, name their keys in a manifest (docs/stores.md)',
  },
  {
    id: 'keeps-leading-slash',
    kinds: ['s3'],
    means: 'a key with a leading slash is another than the one without',
    weight: 'fact',
    needed: never,
    writes: true,
    fix: atCentre('run leaves such keys at the source; send them to a store that keeps them (docs/stores.md)'),
  },
  {
    id: 'hard-links',
    kinds: ['file'],
    means: 'files can be linked, never over another one: how files are made without overwriting',
    weight: 'safety',
    needed: written,
    writes: true,
    fix: 'use a file system with hard links (not FAT or exFAT)',
  },
  {
    id: 'fsync',
    kinds: ['file'],
    means: 'files and folders can be brought to the disk',
    weight: 'safety',
    needed: written,
    writes: true,
    fix: 'use a file system that takes fsync on files and folders: after a power cut, others may have lost what they said they hold',
  },
  {
    id: 'file-times',
    kinds: ['file'],
    means: 'a second write shows in the time of last write',
    weight: 'safety',
    needed: emptied,
    writes: true,
    fix: 'use `finish: verified`, or see that nobody writes there: a quick second write might not show',
  },
  {
    id: 'keeps-case',
    kinds: ['file'],
    means: 'names that differ in case alone are two files',
    weight: 'fact',
    needed: never,
    writes: true,
    fix: 'use a file system that tells case apart, if keys differ in it alone: the second one ends as a conflict',
  },
  {
    id: 'keeps-unicode-forms',
    kinds: ['file'],
    means: 'names that differ in Unicode form alone are two files',
    weight: 'fact',
    needed: never,
    writes: true,
    fix: 'use a file system that leaves names as they are, if keys differ in form alone: the second one ends as a conflict',
  },
];

/** What may be asked of this kind of store. */
export function capabilitiesOf(kind: StoreKind): readonly CapabilityRow[] {
  return CAPABILITIES.filter(({ kinds }) => kinds === undefined || kinds.includes(kind));
}
