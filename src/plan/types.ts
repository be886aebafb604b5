import type { AttributeName } from '../base/attribute-names.ts';
import type { Json } from '../base/canonical.ts';

/**
 * A plan as the rest of ferry sees it: typed, resolved (paths absolute, variables expanded, units as numbers) and deeply
 * frozen. `load.ts` makes it; nobody else does.
 */
export interface Plan {
  readonly apiVersion: 'ferry/v1';
  readonly name: string;
  /** Absolute path of the file that it was read from. */
  readonly file: string;
  /**
   * `sha256:…` over the canonical JSON of the expanded document with every default filled in. Paths count as they stand in the
   * document (relative ones stay relative), so that a plan has one digest wherever it is checked out.
   */
  readonly digest: string;
  /** What `digest` is made of: the document with variables expanded, defaults filled in, and paths as written. */
  readonly document: { readonly [name: string]: Json | undefined };
  /** `sha256:…` over stores, partitions and exclude alone: what decides where an object goes. */
  readonly routing: string;
  readonly residency: { readonly zone: readonly string[] };
  /** Where ferry itself runs; its bytes pass through there. */
  readonly runner: { readonly jurisdiction: string; readonly operator?: string | undefined } | undefined;
  /** Who may approve sealed plans. */
  readonly approvers: readonly ApproverSpec[];
  /** Ids of keys whose approvals do not count. */
  readonly revoked: readonly string[];
  /** By how much the sources may differ from what was sealed. */
  readonly drift: { readonly objects: number; readonly bytes: number };
  /** Absolute path of the file with the secret that keys are hashed with in the evidence. */
  readonly saltFile?: string | undefined;
  readonly stores: Readonly<Record<string, StoreSpec>>;
  /** The store through which workers on several machines share a plan's work; no user data moves to or from it. */
  readonly control?: string | undefined;
  readonly partitions: readonly PartitionSpec[];
  readonly exclude: readonly ExcludeSpec[];
  readonly unassigned: 'refuse' | 'allow';
  readonly verify: 'readback' | 'attested';
  /** Whether a server may copy by itself between two of its own buckets. */
  readonly serverSideCopy: 'allow' | 'never';
  readonly finish: Finish;
  readonly tombstone: TombstoneSpec;
  readonly limits: Limits;
}

export interface TombstoneSpec {
  readonly holdMs: number;
  readonly approvals: number;
  /** `remove`: purge deletes markers also where the server binds no DELETE to what is deleted. */
  readonly markers: 'auto' | 'remove';
  /** Left out: the safest that a source has. */
  readonly keep?: Keep | undefined;
  /** A source may do without compare-and-swap, where its history shows what came between. */
  readonly without?: 'cas' | undefined;
}

/** What a restore brings back: the hidden version, bytes put aside at the source, or the copy at the centre. */
export type Keep = 'version' | 'staged' | 'centre';

export type Finish = 'copied' | 'verified' | 'tombstoned';

export interface Limits {
  /** Objects in work at once, and requests at once to any one bucket (there at least four); 1 to 1,024. */
  readonly concurrency: number;
  /** What a bucket that is slow or says SlowDown is asked at once all the same; at most `concurrency`. */
  readonly minConcurrency: number;
  /** Bytes a second that are read from sources, or `undefined` for no limit. */
  readonly bandwidth: number | undefined;
  /** Requests a second to any one store, or `undefined` for no limit. */
  readonly requests: number | undefined;
  /** Times with limits of their own; the first that it is counts. */
  readonly windows: readonly LimitsWindow[];
}

/** A time of day on days of the week, by the clock on the wall of a zone. What it does not name is as in the plan. */
export interface LimitsWindow {
  /** 0 for Sunday to 6 for Saturday: the days on which it begins. */
  readonly days: readonly number[];
  /** Minutes from midnight: 0 to 1,439, and 1 to 1,440. Where `to` is not after `from`, it ends on the next day. */
  readonly from: number;
  readonly to: number;
  /** By the IANA time zone database. */
  readonly zone: string;
  /** `null` for no limit. */
  readonly bandwidth?: number | null;
  readonly requests?: number | null;
  readonly concurrency?: number;
}

export interface ApproverSpec {
  readonly name: string;
  readonly jurisdiction: string;
  /** An OpenSSH public key as text, or the absolute path of a file with one (OpenSSH or PEM). */
  readonly key: { readonly text: string } | { readonly path: string };
}

export type StoreSpec = FileStoreSpec | S3StoreSpec;

interface AnyStoreSpec {
  readonly name: string;
  /** ISO 3166-1 alpha-2. */
  readonly jurisdiction: string;
}

export interface FileStoreSpec extends AnyStoreSpec {
  readonly type: 'file';
  /** Absolute. */
  readonly path: string;
  /** What becomes of keys that are no path. */
  readonly keys: 'refuse' | 'escape';
  /** What becomes of symbolic links: `failed`, the file that they lead to, or an object of their own. */
  readonly links: 'refuse' | 'follow' | 'record';
  /** Whether `user.` extended attributes go along. */
  readonly xattrs: 'ignore' | 'carry';
}

export interface S3StoreSpec extends AnyStoreSpec {
  readonly type: 's3';
  /** `https://host[:port]`; `undefined` for AWS itself. */
  readonly endpoint: string | undefined;
  readonly region: string;
  readonly bucket: string;
  /** Keys of the store are relative to it; `""` for the whole bucket. */
  readonly prefix: string;
  /** `undefined` means: path style when an endpoint is given. */
  readonly pathStyle: boolean | undefined;
  /** The body's SHA-256 goes along in a header that is signed and that the server has to check; left out: the signature covers it itself, too. */
  readonly payload?: 'unsigned';
  readonly credentials: CredentialsSpec;
  /** What must be observed of it. Hosts with a leading dot are ends of hosts; addresses are networks in CIDR notation. */
  readonly expect?: {
    readonly region?: string | undefined;
    readonly hosts?: readonly string[] | undefined;
    readonly addresses?: readonly string[] | undefined;
  };
  /** `sha256/BASE64` of public keys (RFC 7469), one of which the server must show; none: any that verifies. */
  readonly pin?: readonly string[];
  /** The country that whoever holds the encryption keys is under, where the plan says so. */
  readonly keyHolder?: string;
  readonly encryption: EncryptionSpec | undefined;
  /** A PEM file of certificate authorities that this store's server may have its certificate from, beside the known ones. Absolute. */
  readonly ca?: string | undefined;
}

/** How a server encrypts at rest. The key of SSE-C is in the environment or in a file (an absolute path), never here. */
export type EncryptionSpec =
  | { readonly type: 'SSE-S3' }
  | { readonly type: 'SSE-KMS'; readonly keyId?: string | undefined }
  | CustomerKeySpec;

export type CustomerKeySpec =
  | { readonly type: 'SSE-C'; readonly keyEnv: string; readonly keyFile?: undefined }
  | { readonly type: 'SSE-C'; readonly keyFile: string; readonly keyEnv?: undefined };

export type CredentialsSpec =
  | {
      readonly from: 'env';
      readonly accessKeyIdEnv: string;
      readonly secretAccessKeyEnv: string;
      readonly sessionTokenEnv: string | undefined;
    }
  | { readonly from: 'profile'; readonly profile: string }
  | { readonly from: 'default' };

export interface PartitionSpec {
  readonly name: string;
  /** Names of stores. */
  readonly from: string;
  readonly to: string;
  readonly select: Selector;
  /** Whether older versions and delete markers move too, where the source keeps them. */
  readonly versions: 'current' | 'all';
  /** Whether an object that is not encrypted at rest at the centre fails. */
  readonly encryption: 'required' | undefined;
  /** What its objects may lose at the centre: the plan's and its own. */
  readonly accept: readonly AttributeName[];
  /** Whether an object with retention or legal hold goes along with them, or stays where it is as `held`. */
  readonly objectLock: 'carry' | 'refuse';
  /** Storage class at the source to the one at the centre; `*` for all that are not named. The plan's, and over them its own. */
  readonly storageClasses: Readonly<Record<string, string>>;
}

export interface ExcludeSpec {
  readonly from: string;
  readonly select: Selector;
  readonly reason: string;
}

export type Selector =
  | { readonly by: 'prefix'; readonly prefix: string }
  | {
      readonly by: 'pattern';
      readonly pattern: string;
      /** Every named capture must be one of its values. */
      readonly where: Readonly<Record<string, readonly string[]>>;
      readonly shard: Shard | undefined;
    }
  | { readonly by: 'manifest' /** Absolute. */; readonly path: string; readonly format: ManifestFormat };

/** `hash(capture) % modulus in from..to`, both ends included. */
export interface Shard {
  readonly capture: string;
  readonly modulus: number;
  readonly from: number;
  readonly to: number;
}

export type ManifestFormat = 'ndjson' | 'csv' | 'lines';

/** One thing wrong with a plan file. Lines and columns count from 1. */
export interface PlanProblem {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  /** `partitions[1].select.where.country[0]`; empty for the whole document. */
  readonly path: string;
  /** What is wrong and what was expected. Never a value that could be a secret. */
  readonly message: string;
}
