import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { tempDir } from '../support/temp.ts';
import { chart, linesOf, table } from './compare/report.ts';
import { bytesIn, SETS } from './compare/sets.ts';

const MAIN = fileURLToPath(new URL('./compare/main.ts', import.meta.url));

it('runs what is installed in turn, over real servers, and writes table, JSON and chart', () => {
  const [json, svg] = ['result.json', 'result.svg'].map((name) => join(tempDir(), name)) as [string, string];
  const few = ['--objects', '20', '--rounds', '1', '--only', 'ferry,bare', '--base', 'bare GET + PUT'];
  const ended = spawnSync(process.execPath, [MAIN, ...few, '--json', json, '--svg', svg], { encoding: 'utf8' });
  expect(ended.status, ended.stderr).toBe(0);
  const rows = ended.stdout.trim().split('\n').slice(2);
  expect(rows.map((row) => row.split('|')[1]?.trim())).toEqual(['bare GET + PUT', 'ferry, copied', 'ferry, verified']);
  const document = JSON.parse(readFileSync(json, 'utf8')) as { lines: { wall: { median: number } }[]; bytes: number };
  expect(document).toMatchObject({ set: 'small', objects: 20, bytes: 20 * 4_096, rounds: 1 });
  expect(document.lines.every(({ wall }) => wall.median > 0)).toBe(true);
  expect(readFileSync(svg, 'utf8').match(/<rect class="wall"/g)).toHaveLength(1 + 3);
});

it('tells medians, their spread and ratios to the base', () => {
  const runs = (walls: readonly number[]) =>
    walls.map((wall) => ({ code: 0, wall, cpu: wall / 2, peak: 100, stderr: '' }));
  const lines = linesOf([
    { name: 'base', kind: 'copied', runs: runs([4, 2, 3]) },
    { name: 'a & b', kind: 'copied', runs: runs([6, 3]) },
  ]);
  expect(lines.map(({ wall }) => wall)).toEqual([
    { median: 3, least: 2, most: 4 },
    { median: 4.5, least: 3, most: 6 },
  ]);
  const cells = table(lines, 'base')
    .split('\n')
    .map((row) => row.split('|').map((cell) => cell.trim()));
  expect(cells[3]?.slice(1, 6)).toEqual(['a & b', '4.50 (3.00-6.00)', '1.50', '2.25 (1.50-3.00)', '1.50']);
  expect(chart(lines, 'title')).toContain('a &amp; b');
});

it('has one mixed set, whoever makes it', () => {
  const { mixed } = SETS;
  if (mixed === undefined) throw new Error('there is no mixed set');
  expect(bytesIn(mixed, 1_000)).toBe(bytesIn(mixed, 1_000));
  const sizes = Array.from({ length: 1_000 }, (_, n) => mixed.size(n)).toSorted((a, b) => a - b);
  // Half are small, and few have most of the bytes.
  expect(sizes[500]).toBeLessThan(64 * 1024);
  const all = sizes.reduce((sum, size) => sum + size, 0);
  expect(sizes.slice(-100).reduce((sum, size) => sum + size, 0)).toBeGreaterThan(all / 2);
});
