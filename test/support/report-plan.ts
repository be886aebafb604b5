import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { drivePlan } from './drive-plan.ts';
import { type Laid, layOut } from './plan.ts';

const COUNTRIES = ['NO', 'IE', 'DE', 'SE', 'FI', 'NL', 'PL', 'FR'];

/** Keys that would be markup, or would hide what they are. Both of them are symbolic links, so they fail. */
export const NASTY = ['<img src=x onerror=alert(1)>"\'&amp;', '\u202etxt.gpj\u0007'];

/** A plan of so many partitions that was run, with conflicts and failures among its objects. Each of the files is small. */
export async function ranPlan(partitions: number): Promise<Laid> {
  const names = Array.from({ length: partitions }, (_, at) => `region-${String(at + 1).padStart(3, '0')}`);
  const centres = COUNTRIES.slice(0, Math.min(partitions, COUNTRIES.length)).map((country) => ({
    name: `centre-${country.toLowerCase()}`,
    country,
  }));
  const centreOf = (at: number): string => centres[at % centres.length]?.name ?? '';
  const perPartition = partitions > 50 ? 2 : 12;
  const files = Object.fromEntries(
    names.flatMap((name, at) =>
      Array.from({ length: perPartition + (at % 3) }, (_, n) => [
        `users/${name}/${n}.json`,
        'x'.repeat([0, 40, 3_000, 40_000][(n + at) % 4] ?? 0),
      ]),
    ),
  );
  const file = (name: string, jurisdiction: string) => ({ type: 'file', path: `./${name}`, jurisdiction });
  const stores = {
    legacy: file('legacy', 'SG'),
    ...Object.fromEntries(centres.map(({ name, country }) => [name, file(name, country)])),
  };
  const laid = layOut(
    {
      name: 'clover-eu',
      residency: { zone: ['EEA', 'CH'] },
      stores,
      partitions: names.map((name, at) => ({
        name,
        from: 'legacy',
        select: { prefix: `users/${name}/` },
        to: centreOf(at),
      })),
      exclude: [],
    },
    files,
  );
  for (let at = 0; at < partitions; at += partitions > 50 ? 9 : 2) {
    const folder = join(laid.dir, centreOf(at), `users/${names[at]}`);
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, '1.json'), 'written by someone else');
  }
  for (const key of NASTY) symlinkSync('/nowhere', join(laid.legacy, `users/${names[0]}`, key));
  await drivePlan(laid, 'run');
  return laid;
}
