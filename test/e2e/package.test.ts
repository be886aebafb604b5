import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, realpathSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { tempDir } from '../support/temp.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** Runs a program with only the given Node on the PATH before the system's own folders. */
function sh(cwd: string, node: string, file: string, ...args: string[]): string {
  const env = {
    ...process.env,
    PATH: `${node}:${process.env['PATH']}`,
    npm_config_audit: 'false',
    npm_config_fund: 'false',
  };
  return execFileSync(file, args, { cwd, env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

describe('the packed package', () => {
  const node26 = dirname(realpathSync(process.execPath));

  beforeAll(() => {
    expect(process.versions.node).toMatch(/^26\./);
  });

  it('holds what it should and nothing more, and runs init, plan and run on Node 24 and on Node 26', () => {
    const dir = tempDir();
    const packed = JSON.parse(
      sh(ROOT, node26, 'npm', 'pack', '--json', '--ignore-scripts', '--pack-destination', dir),
    ) as { files: { path: string }[] }[];
    const paths = packed[0]?.files.map((file) => file.path) ?? [];
    const allowed = /^(bin|dist|docs)\/|^plans\/[^/]+\.(yaml|json)$|^(CHANGELOG|README)\.md$|^LICENSE$|^package\.json$/;
    expect(paths.filter((path) => !allowed.test(path))).toEqual([]);
    expect(paths).toEqual(
      expect.arrayContaining(['bin/ferry.js', 'dist/cli/main.js', 'dist/ledger/migrations/001-start.sql']),
    );
    const tarball = readdirSync(dir).find((name) => name.endsWith('.tgz')) ?? '';

    const tools = join(dir, 'node24');
    mkdirSync(tools);
    writeFileSync(join(tools, 'package.json'), JSON.stringify({ private: true, allowScripts: { node: true } }));
    sh(tools, node26, 'npm', 'install', '--no-save', 'node@24');
    const node24 = join(tools, 'node_modules/node/bin');
    for (const [node, version] of [
      [node24, /^v24\./],
      [node26, /^v26\./],
    ] as const) {
      expect(sh(dir, node, 'node', '--version')).toMatch(version);
      const home = join(dir, `with-${sh(dir, node, 'node', '--version').trim()}`);
      mkdirSync(home);
      sh(home, node, 'npm', 'install', join(dir, tarball));
      const ferry = join(home, 'node_modules/.bin/ferry');
      sh(home, node, ferry, 'init', 'demo');
      expect(sh(home, node, ferry, 'plan', 'demo/plan.yaml')).toContain('nothing is changed');
      expect(sh(home, node, ferry, 'run', 'demo/plan.yaml')).toMatch(/all +5 .* 5\n/);
    }
  }, 300_000);

  it('started on too old a Node says so in one line', () => {
    // The one thing that ferry.js asks of its Node is its version: tell it another one.
    const script = `
      Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '20.20.2' } });
      await import(${JSON.stringify(join(ROOT, 'bin/ferry.js'))});`;
    const result = (() => {
      try {
        execFileSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8', stdio: 'pipe' });
        return { status: 0, stderr: '' };
      } catch (error) {
        return error as { status: number; stderr: string };
      }
    })();
    expect(result.status).toBe(2);
    expect(result.stderr.trim().split('\n')).toHaveLength(1);
    expect(result.stderr).toContain('ferry needs Node 24 or newer; this is Node 20.20.2');
  });
});
