import { documentOf, type Ended } from './cli.ts';

/** One store in the document of `ferry scan`. */
export interface Scanned {
  readonly name: string;
  readonly objects: number;
  readonly versions: number;
  readonly deleteMarkers: number;
  readonly uploads: number;
  readonly tombstones: number;
  readonly kept: number;
  readonly late: number;
  readonly bytes: Readonly<Record<'objects' | 'versions' | 'uploads' | 'tombstones' | 'kept', number>>;
  readonly clean: boolean;
  readonly proven: boolean;
  readonly unseen: readonly string[];
  readonly excluded: object;
  readonly unassigned: object;
  readonly remaining: readonly {
    readonly kind: string;
    readonly key?: string;
    readonly version?: string;
    readonly reason: string;
    readonly size?: number;
  }[];
  readonly more: number;
}

export function scanned(ended: Ended): { readonly code: number | null; readonly stores: readonly Scanned[] } {
  const { stores } = documentOf<{ stores?: readonly Scanned[] }>(ended);
  if (stores === undefined) throw new Error(`no scan: ${ended.stdout}\n${ended.stderr}`);
  return { code: ended.code, stores };
}
