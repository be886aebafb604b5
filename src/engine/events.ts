import type { State } from '../ledger/lifecycle.ts';

/** What an engine tells while it works. Counts are of this invocation; bytes are those written to a store. */
export type EngineEvent =
  | { readonly type: 'listing'; readonly source: string; readonly entries: number }
  | { readonly type: 'listed'; readonly source: string }
  | {
      readonly type: 'moved';
      readonly partition: string;
      readonly from: State;
      readonly to: State;
      readonly size: number;
      readonly moved: number | undefined;
    }
  | {
      readonly type: 'retry';
      readonly what: string;
      readonly attempt: number;
      readonly waitMs: number;
      readonly why: string;
    }
  | {
      readonly type: 'unresolved';
      readonly partition: string;
      readonly key: string;
      readonly state: State;
      readonly reason: string;
    };

export type Listener = (event: EngineEvent) => void;
