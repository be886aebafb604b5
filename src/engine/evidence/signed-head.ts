import { createHash } from 'node:crypto';
import type { Clock } from '../../base/clock.ts';
import type { Signer } from '../../base/ed25519.ts';
import { leafHashText } from '../../base/merkle.ts';
import { type Head, readHead, signHead } from '../../evidence/head.ts';
import type { Ledger } from '../../ledger/ledger.ts';
import { linesOf } from '../../ledger/log-book.ts';
import type { Plan } from '../../plan/types.ts';

export interface HeadWork {
  readonly plan: Plan;
  readonly ledger: Ledger;
  readonly clock: Clock;
  readonly signer: Signer;
  /** Of ferry. */
  readonly version: string;
}

const OBJECT = Buffer.from(',"type":"object"');

/** Counts and digests the leaves of objects, one after another. */
export class ObjectLeaves {
  readonly #digest = createHash('sha256');
  #leaves = 0;

  take(line: Buffer, digest: string): void {
    // No other leaf holds these bytes: inside of a string the quotes would be escaped.
    if (!line.includes(OBJECT)) return;
    this.#digest.update(digest, 'latin1');
    this.#leaves += 1;
  }

  end(): Head['objects'] {
    return { digest: this.#digest.digest('hex'), leaves: this.#leaves };
  }
}

/** The envelope of the log's head as it is, signed now or, by this key and of this size, before. */
export async function signedHead(work: HeadWork, objects?: Head['objects']): Promise<string> {
  const { plan, ledger, clock, signer, version } = work;
  const size = ledger.log.size;
  const before = ledger.log.heads().find((head) => head.size === size && head.keyid === signer.key.id);
  // A log that has not grown keeps its head, so that a time stamp over it stays good.
  if (before !== undefined && readHead(before.envelope, [signer.key]).plan.digest === plan.digest)
    return before.envelope;
  const at = clock.now();
  const head: Head = {
    at: new Date(at).toISOString(),
    ledger: ledger.uuid,
    objects: objects ?? countObjects(ledger),
    plan: { digest: plan.digest, name: plan.name },
    root: ledger.log.root().toString('hex'),
    size,
    tool: { name: 'ferry', version },
  };
  const envelope = await signHead(head, signer);
  ledger.log.signed({ size, keyid: signer.key.id, at, envelope });
  return envelope;
}

function countObjects(ledger: Ledger): Head['objects'] {
  const objects = new ObjectLeaves();
  for (const { lines } of ledger.log.batches())
    for (const line of linesOf(lines)) objects.take(line, leafHashText(line));
  return objects.end();
}
