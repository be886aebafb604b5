import type { Attributes } from '../store.ts';
import type { Xattrs } from './xattrs.ts';

/** What a symbolic link is to a store: nothing that it can move, the file that it leads to, or an object of its own. */
export type Links = 'refuse' | 'follow' | 'record';

/** How a store looks at what lies in its folder. */
export interface View {
  /** Real path of the store's folder. */
  readonly root: string;
  readonly links: Links;
  /** Where extended attributes are carried. */
  readonly xattrs: Xattrs | undefined;
}

/** What there is to tell of what lies at a path, without its key. */
export interface Facts {
  readonly size: number;
  readonly revision: string;
  readonly modified: number;
  readonly attributes: Attributes;
  readonly unusable?: string;
}

/** What an error names. */
export interface At {
  readonly store: string;
  readonly op: string;
  readonly key: string;
}
