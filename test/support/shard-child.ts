import { writeSync } from 'node:fs';
import type { Body, ObjectHead, Replaced, Store, WriteOptions } from '../../src/store/store.ts';
import { ForwardingStore } from '../../src/store/wrap/forwarding.ts';
import { controlOf, oneShard, planAt } from './shards.ts';

/**
 * A worker in a process of its own that works on one shard and stops itself with SIGSTOP at one moment:
 * `node shard-child.ts PLAN PREFIX SHARD FOLDER outside|inside|commit N` stops before the fence of the N-th tombstone, right behind it, or
 * before the N-th object that it writes to the control store. Says `frozen` before, and how it ended.
 */
const [file = '', prefix = '', shard = '1', folder = '', where = '', at = '1'] = process.argv.slice(2);

let seen = 0;
const moment = (place: string): void => {
  if (place !== where) return;
  seen += 1;
  if (seen !== Number(at)) return;
  writeSync(1, 'frozen\n');
  process.kill(process.pid, 'SIGSTOP');
};

class Freezing extends ForwardingStore {
  readonly #place: string;

  constructor(inner: Store, place: string) {
    super(inner);
    this.#place = place;
  }

  override create(key: string, body: Body, options: WriteOptions): Promise<ObjectHead> {
    if (this.#place === 'commit') moment('commit');
    return super.create(key, body, options);
  }

  override replace(key: string, revision: string, body: Body, options: WriteOptions): Promise<Replaced> {
    moment(this.#place);
    return super.replace(key, revision, body, options);
  }
}

const plan = await planAt(file);
const control = new Freezing(await controlOf(plan), 'commit');
const ended = await oneShard({
  id: 'frozen-one',
  folder,
  control,
  prefix,
  shard: Number(shard),
  outside: (store) => new Freezing(store, 'outside'),
  inside: (store) => new Freezing(store, 'inside'),
});
writeSync(1, `${ended.ended}\n`);
