import { legible } from '../base/legible.ts';
import { withoutSecrets } from '../base/secrets.ts';

/**
 * - `absent`: no such object; `exists`: there is one already; `precondition`: it is not the one expected
 * - `changed`: written while it was read; `cut`: the body ended early; `digest`: the store saw other bytes (all may be tried again)
 * - `throttled`: slow down; `transient`: a fault that passes; `unreachable`: no connection (all may be tried again)
 * - `untrusted`: the server's certificate does not verify; nothing was sent to it
 * - `denied`: no right to; `locked`: an object lock or legal hold forbids it; `key`: the store cannot hold that key; `unsupported`: not a thing this store does; `missing`: no such
 *   folder or bucket; `full`: no room; `other`: anything else, as the server told it
 */
export type StoreErrorKind =
  | 'absent'
  | 'exists'
  | 'precondition'
  | 'changed'
  | 'cut'
  | 'digest'
  | 'throttled'
  | 'transient'
  | 'unreachable'
  | 'untrusted'
  | 'denied'
  | 'locked'
  | 'key'
  | 'unsupported'
  | 'missing'
  | 'full'
  | 'other';

export interface StoreErrorInit {
  readonly kind: StoreErrorKind;
  readonly store: string;
  readonly op: string;
  readonly key?: string;
  readonly why: string;
  readonly cause?: unknown;
}

/** A request to a store that did not do what was asked. The message names store, operation, key and reason; never a secret. */
export class StoreError extends Error {
  override readonly name = 'StoreError';
  readonly kind: StoreErrorKind;
  readonly store: string;
  readonly op: string;
  readonly key: string | undefined;
  readonly why: string;

  constructor(init: StoreErrorInit) {
    const on = init.key === undefined ? '' : ` ${JSON.stringify(init.key)}`;
    // What a server said is in it, and goes to terminals, logs, the ledger and reports; a server is sent tokens and keys, and may repeat them.
    const why = legible(withoutSecrets(init.why));
    const told = legible(`${init.store}: ${init.op}${on}: `) + why;
    super(told, init.cause === undefined ? {} : { cause: init.cause });
    this.kind = init.kind;
    this.store = init.store;
    this.op = init.op;
    this.key = init.key;
    this.why = why;
  }

  /** Whether the same call may succeed later without anyone mending anything. */
  get passing(): boolean {
    return PASSING.has(this.kind);
  }
}

const PASSING: ReadonlySet<StoreErrorKind> = new Set([
  'changed',
  'cut',
  'digest',
  'throttled',
  'transient',
  'unreachable',
]);
