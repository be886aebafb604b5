import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { controlOf, oneShard, planAt, runAtHome } from '../support/shards.ts';

/*
 * What one shard costs the control store: `node test/scale/segment-cost.ts 2000` works on one shard of so many small files and counts the
 * objects and bytes that it has put there, and what they are.
 */
const objects = Number(process.argv[2] ?? 2_000);
const dir = mkdtempSync(join(tmpdir(), 'ferry-segment-cost-'));
try {
  const store = (path: string, jurisdiction: string) => ({ type: 'file', path, jurisdiction });
  const plan = join(dir, 'plan.json');
  const stores = { legacy: store('./legacy', 'SG'), hamar: store('./hamar', 'NO'), control: store('./control', 'NO') };
  writeFileSync(
    plan,
    JSON.stringify({
      apiVersion: 'ferry/v1',
      name: 'cost',
      residency: { zone: ['EEA'] },
      stores,
      control: 'control',
      partitions: [{ name: 'all', from: 'legacy', select: { prefix: 'users/' }, to: 'hamar' }],
      finish: 'tombstoned',
      limits: { concurrency: 16 },
    }),
  );
  mkdirSync(join(dir, 'legacy/users'), { recursive: true });
  for (let n = 0; n < objects; n += 1) writeFileSync(join(dir, `legacy/users/o${n}`), `bytes of ${n}`);
  await runAtHome(plan, {
    shardObjects: objects,
    work: async ({ control, prefix }) => {
      await oneShard({ id: 'w', folder: join(dir, 'work'), control, prefix, shard: 1 });
      const kinds: Record<string, { objects: number; bytes: number }> = {};
      const all = await controlOf(await planAt(plan));
      for await (const page of all.list({ prefix }))
        for (const { key, size } of page) {
          const kind = /lease|epoch|segment|job/.exec(key.slice(prefix.length))?.[0] ?? 'other';
          const sum = kinds[kind] ?? { objects: 0, bytes: 0 };
          kinds[kind] = { objects: sum.objects + 1, bytes: sum.bytes + size };
        }
      process.stdout.write(`${JSON.stringify({ objects, ...kinds })}\n`);
    },
  });
} finally {
  rmSync(dir, { recursive: true, force: true });
}
