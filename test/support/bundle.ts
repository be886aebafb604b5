import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { systemClock } from '../../src/base/clock.ts';
import { type Ed25519PublicKey, parsePublicKey, signerOf } from '../../src/base/ed25519.ts';
import { parsePrivateKey } from '../../src/base/private-key.ts';
import { exportBundle } from '../../src/engine/evidence/export.ts';
import { Ledger } from '../../src/ledger/ledger.ts';
import { loadPlan } from '../../src/plan/load.ts';
import { ferry } from './cli.ts';
import type { Laid } from './plan.ts';
import { tempDir } from './temp.ts';

/** A bundle on the disk, and the key that signed it. */
export interface Made {
  readonly folder: string;
  readonly key: Ed25519PublicKey;
  readonly publicFile: string;
}

/** What the real program exports of a plan that ran. */
export async function exported(laid: Laid, ...more: string[]): Promise<Made> {
  const folder = join(tempDir(), 'bundle');
  const ended = await ferry(['evidence', 'export', laid.plan, '--out', folder, ...more]);
  if (ended.code !== 0) throw new Error(ended.stderr);
  const publicFile = join(laid.dir, '.ferry/test/evidence.pub');
  return { folder, publicFile, key: parsePublicKey(readFileSync(publicFile, 'utf8')) };
}

/** The leaves of a bundle of one segment. */
export function leavesOf({ folder }: Pick<Made, 'folder'>): string[] {
  const text = zstdDecompressSync(readFileSync(join(folder, 'segments/000000.ndjson.zst'))).toString();
  return text.split('\n').slice(0, -1);
}

/** Puts other leaves into the file, as someone would who has not the key. */
export function replaceLeaves({ folder }: Pick<Made, 'folder'>, leaves: readonly string[]): void {
  const text = leaves.map((leaf) => `${leaf}\n`).join('');
  writeFileSync(join(folder, 'segments/000000.ndjson.zst'), zstdCompressSync(Buffer.from(text)));
}

/** What an operator who lies could make: a log of these very leaves, signed with the right key. */
export async function lied(laid: Laid, leaves: readonly string[]): Promise<Made> {
  const loaded = await loadPlan(laid.plan, {});
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems));
  const { plan } = loaded;
  const ledger = Ledger.open(tempDir());
  const folder = join(tempDir(), 'bundle');
  const state = join(laid.dir, '.ferry/test');
  const signer = signerOf(parsePrivateKey(readFileSync(join(state, 'evidence.key'), 'utf8')));
  try {
    const partitions = plan.partitions.map(({ name, from, to }) => ({ name, from, to }));
    const stores = Object.keys(plan.stores).map((name) => ({ name, location: `file:///${name}` }));
    ledger.bind({ plan: plan.name, planDigest: plan.digest, routing: plan.routing, stores, partitions });
    ledger.log.append(leaves.map((text) => ({ text })));
    const write = (file: string, bytes: Uint8Array | string): void => writeFileSync(file, bytes);
    await exportBundle({ plan, ledger, clock: systemClock, signer, version: '0', folder, write });
  } finally {
    ledger.close();
  }
  return { folder, key: signer.key, publicFile: join(state, 'evidence.pub') };
}

/** Paths of all files of a bundle, relative to it. */
export function filesOf({ folder }: Pick<Made, 'folder'>): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name).slice(folder.length + 1))
    .sort();
}
