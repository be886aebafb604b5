import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { loadPlan } from '../../src/plan/load.ts';
import type { Plan } from '../../src/plan/types.ts';
import { Dice } from '../../src/rehearsal/dice.ts';
import { modelOf } from '../../src/rehearsal/model.ts';
import { population } from '../../src/rehearsal/population.ts';
import { LARGEST_BYTES, mixOf, SIZE_MIXES } from '../../src/rehearsal/sizes.ts';
import { ferry } from '../support/cli.ts';
import { layOut } from '../support/plan.ts';
import { tempDir } from '../support/temp.ts';

async function planOf(file: string): Promise<Plan> {
  const loaded = await loadPlan(file, {});
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems));
  return loaded.plan;
}

const sizes = (plan: Plan, model: ReturnType<typeof modelOf>, partition: string): number[] => {
  const index = plan.partitions.findIndex(({ name }) => name === partition);
  const only = {
    ...model,
    partitions: model.partitions.map((one, at) => (at === index ? one : { ...one, objects: 0 })),
  };
  return [...population(plan, only, 5)].map(({ bytes }) => bytes.byteLength);
};

it('follows the sizes and shares of the real inventory, and takes no key of it', async () => {
  const files: Record<string, Uint8Array> = {};
  for (let n = 0; n < 30; n += 1) files[`users/NO/real-person-${n}/a`] = Buffer.alloc(70_000 + n);
  for (let n = 0; n < 10; n += 1) files[`users/DE/real-person-${n}/a`] = Buffer.alloc(n === 0 ? 0 : 5);
  const laid = layOut({}, files);
  expect((await ferry(['run', laid.plan, '--until', 'copied', '--progress', 'none'])).code).toBe(0);
  const sealed = join(laid.dir, 'sealed.json');
  expect((await ferry(['plan', laid.plan, '--out', sealed, '--state', tempDir()])).code).toBe(0);
  const plan = await planOf(laid.plan);

  const stateDir = join(laid.dir, '.ferry', 'test');
  const model = modelOf(plan, { users: 50, objects: 400, stateDir });
  expect(model.from).toBe('ledger');
  expect(model.partitions.map(({ objects }) => objects)).toEqual([300, 100]);
  const nordic = sizes(plan, model, 'nordic');
  // 70,000 bytes lie between two powers of two.
  expect(nordic.every((size) => size >= 65_536 && size < 131_072)).toBe(true);
  const rest = sizes(plan, model, 'rest');
  expect(rest.every((size) => size < 8)).toBe(true);
  expect(rest).toContain(0);
  expect([...population(plan, model, 5)].some(({ key }) => key.includes('real-person'))).toBe(false);

  const bySeal = modelOf(plan, { users: 50, objects: 400, stateDir: tempDir(), sealed });
  expect(bySeal.from).toBe('sealed plan');
  expect(bySeal.partitions.map(({ objects }) => objects)).toEqual([300, 100]);
  const mean = sizes(plan, bySeal, 'nordic').reduce((sum, size) => sum + size, 0) / 300;
  expect(mean).toBeGreaterThan(45_000);
  expect(mean).toBeLessThan(100_000);

  const asked = modelOf(plan, { users: 50, objects: 400, sizes: 'small', stateDir });
  expect(asked.from).toBe('options');
  expect(modelOf(plan, { users: 4, stateDir: tempDir() }).partitions.map(({ objects }) => objects)).toEqual([10, 10]);
});

it('makes the same objects of the same seed, in the shape that the plan selects, and others of another', async () => {
  const laid = layOut();
  writeFileSync(join(laid.dir, 'keys.txt'), 'users/someone\n');
  const document = JSON.parse(readFileSync(laid.plan, 'utf8')) as Record<string, unknown>;
  const pattern = 'u/{user}/profile.json';
  const partitions = [
    { name: 'shard', from: 'legacy', select: { pattern, shard: 'hash(user) % 4 in 1..1' }, to: 'hamar' },
    { name: 'list', from: 'legacy', select: { manifest: 'keys.txt' }, to: 'dublin' },
  ];
  writeFileSync(laid.plan, JSON.stringify({ ...document, partitions }));
  const plan = await planOf(laid.plan);
  const model = modelOf(plan, { users: 10, sizes: 'small', stateDir: tempDir() });
  const made = (seed: number) => [...population(plan, model, seed)];
  expect(made(1)).toEqual(made(1));
  expect(made(1)).not.toEqual(made(2));
  const keys = made(1).map(({ key }) => key);
  expect(new Set(keys).size).toBe(50);
  expect(keys.slice(0, 25).every((key) => /^u\/[^/]+\/profile\.json$/.test(key))).toBe(true);
  expect(keys).not.toContain('users/someone');
  expect(made(1).filter(({ sample }) => sample).length).toBeGreaterThan(0);
});

it('draws no size beyond the largest, and large ones that go in parts', () => {
  for (const mix of SIZE_MIXES) {
    const dice = new Dice(mix);
    const drawn = Array.from({ length: 2_000 }, () => mixOf(mix)(dice));
    expect(Math.max(...drawn)).toBeLessThanOrEqual(LARGEST_BYTES);
    expect(drawn.some((size) => size > 32 * 1024 ** 2)).toBe(mix === 'large');
    expect(drawn.includes(0)).toBe(mix !== 'large');
  }
});
