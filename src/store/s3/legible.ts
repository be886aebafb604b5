import { HeadObjectCommand } from '@aws-sdk/client-s3';
import { type CallOptions, type ListEntry, StoreError } from '../store.ts';
import { type Bucket, http } from './bucket.ts';
import { revisionOf } from './facts.ts';
import { BENT, bentName, REPLACEMENT } from './keys.ts';

/**
 * Tells keys that a listing without `encoding-type=url` shows as they are from those that it bends. What it bends stays in the
 * listing, as an entry that cannot be read: were it left out, its object would be forgotten at the source.
 */
export class Legible {
  readonly #bucket: Bucket;
  readonly #options: CallOptions;
  readonly #bent = new Map<string, number>();
  readonly #real = new Set<string>();
  /** Of the last page, which the next one may begin with again. */
  #tail = new Set<string>();

  constructor(bucket: Bucket, options: CallOptions) {
    this.#bucket = bucket;
    this.#options = options;
  }

  /** A page as it came, to a page whose last entry, if it can, is a key that the listing can go on after. */
  async page(entries: readonly ListEntry[]): Promise<readonly ListEntry[]> {
    const checked: ListEntry[] = [];
    const tail = new Set<string>();
    for (const entry of entries) {
      if (await this.#isReal(entry)) {
        checked.push(entry);
        tail.clear();
        continue;
      }
      const facts = [entry.key, entry.size, entry.revision, entry.modified].join('\n');
      tail.add(facts);
      if (!this.#tail.has(facts)) checked.push(this.#unusable(entry));
    }
    this.#tail = tail;
    const good = checked.findLastIndex((entry) => entry.unusable === undefined);
    const last = checked[good];
    return last === undefined ? checked : [...checked.slice(0, good), ...checked.slice(good + 1), last];
  }

  /** Whether the key is the object's: U+FFFD may stand in it by right. */
  async #isReal(entry: ListEntry): Promise<boolean> {
    if (!entry.key.includes(REPLACEMENT)) return true;
    if (this.#real.has(entry.key)) return false;
    try {
      const command = new HeadObjectCommand(this.#bucket.at(entry.key));
      const head = await this.#bucket.send('list', entry.key, () =>
        this.#bucket.client.send(command, http(this.#options)),
      );
      if (revisionOf(head.ETag) !== entry.revision || head.ContentLength !== entry.size) return false;
      this.#real.add(entry.key);
      return true;
    } catch (error) {
      // Characters of one byte are shown as one of three: what is shown can be longer than any key.
      if (error instanceof StoreError && (error.kind === 'absent' || error.kind === 'key')) return false;
      throw error;
    }
  }

  /** Several keys may look alike, and like one that is there: each is shown under a name of its own. */
  #unusable(entry: ListEntry): ListEntry {
    const name = `${entry.key}\n${entry.revision}`;
    const times = (this.#bent.get(name) ?? 0) + 1;
    this.#bent.set(name, times);
    return { ...entry, key: bentName(entry.key, entry.revision, times), unusable: BENT };
  }
}
