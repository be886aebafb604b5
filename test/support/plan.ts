import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { tempDir } from './temp.ts';
import { writeTree } from './tree.ts';

export interface Laid {
  readonly dir: string;
  readonly plan: string;
  readonly legacy: string;
  readonly hamar: string;
  readonly dublin: string;
}

export const USERS: Readonly<Record<string, string>> = {
  'users/NO/kari/a.json': '{"n":1}',
  'users/NO/kari/empty': '',
  'users/SE/sven/photo 1.jpg': 'jpeg',
  'users/DE/jonas/b.json': '{"n":2}',
  'users/IE/aoife/c.json': '{"n":3}',
  'tmp/scratch': 'half',
};

/** A plan on folders with a legacy store and two centres, in a folder of the running test's own. */
export function layOut(
  change: Readonly<Record<string, unknown>> = {},
  files: Readonly<Record<string, string | Uint8Array>> = USERS,
): Laid {
  const dir = tempDir();
  const laid = {
    dir,
    plan: join(dir, 'plan.json'),
    legacy: join(dir, 'legacy'),
    hamar: join(dir, 'hamar'),
    dublin: join(dir, 'dublin'),
  };
  mkdirSync(laid.legacy);
  writeTree(laid.legacy, files);
  writeFileSync(laid.plan, JSON.stringify({ ...planDocument(), ...change }));
  return laid;
}

export function planDocument() {
  return {
    apiVersion: 'ferry/v1',
    name: 'test',
    residency: { zone: ['EEA'] },
    runner: { jurisdiction: 'IE' },
    stores: {
      legacy: { type: 'file', path: './legacy', jurisdiction: 'SG' },
      hamar: { type: 'file', path: './hamar', jurisdiction: 'NO' },
      dublin: { type: 'file', path: './dublin', jurisdiction: 'IE' },
    },
    partitions: [
      {
        name: 'nordic',
        from: 'legacy',
        select: { pattern: 'users/{country}/**', where: { country: ['NO', 'SE'] } },
        to: 'hamar',
      },
      { name: 'rest', from: 'legacy', select: { prefix: 'users/' }, to: 'dublin' },
    ],
    exclude: [{ from: 'legacy', prefix: 'tmp/', reason: 'scratch' }],
    finish: 'tombstoned',
  };
}
