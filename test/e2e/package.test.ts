import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, realpathSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { tempDir } from '../support/temp.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** Everything that is packed is one of these. */
const ALLOWED: readonly RegExp[] = [
  /^bin\/[a-z-]+\.js$/,
  /^dist\/([a-z0-9-]+\/)*[a-z0-9-]+\.js$/,
  /^dist\/ledger\/migrations\/\d{3}-[a-z-]+\.sql$/,
  /^docs\/([a-z-]+\/)*[A-Za-z0-9.-]+\.(md|svg|1)$/,
  /^docs\/images\/report-\d+\.png$/,
  /^docs\/kubernetes-workers\.yaml$/,
  /^plans\/[a-z0-9.-]+\.(yaml|json|ndjson)$/,
  /^(CHANGELOG|README|SECURITY)\.md$/,
  /^LICENSE$/,
  /^package\.json$/,
];

/** And, whatever else changes, none of these. */
const NEVER =
  /(^|\/)(test|node_modules|\.ferry|\.git|\.env[^/]*)(\/|$)|\.(map|test\.js|key|pem|p12|db|log|tgz)$|(^|\/)(credentials|\.npmrc)$/;

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
    ) as { version: string; files: { path: string }[] }[];
    const paths = packed[0]?.files.map((file) => file.path) ?? [];
    expect(paths.filter((path) => !ALLOWED.some((one) => one.test(path)))).toEqual([]);
    expect(paths.filter((path) => NEVER.test(path))).toEqual([]);
    expect(paths).toEqual(
      expect.arrayContaining([
        'bin/ferry.js',
        'dist/cli/main.js',
        'dist/ledger/migrations/001-start.sql',
        'docs/security.md',
        'SECURITY.md',
        'LICENSE',
      ]),
    );
    // Nothing runs where it is installed, and what was built tells nothing of the machine that built it.
    const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
      scripts: Record<string, string>;
    };
    expect(Object.keys(manifest.scripts).filter((name) => /^(pre|post)?install$|^prepare$/.test(name))).toEqual([]);
    for (const path of paths.filter((one) => one.startsWith('dist/'))) {
      const text = readFileSync(join(ROOT, path), 'utf8');
      expect([path, text.includes('sourceMappingURL') || text.includes(ROOT)]).toEqual([path, false]);
    }
    // A secret by its form: the body of a private key in PEM, a key id of AWS that is none of its documentation's examples.
    for (const path of paths) {
      const text = readFileSync(join(ROOT, path), 'latin1');
      expect([
        path,
        /PRIVATE KEY-----\s+[A-Za-z0-9+/=]{40}|\bAKIA(?![A-Z0-9]*EXAMPLE)[A-Z0-9]{16}\b/.test(text),
      ]).toEqual([path, false]);
    }
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
      sh(home, node, 'npm', 'install', '--prefer-offline', '--ignore-scripts', join(dir, tarball));
      const ferry = join(home, 'node_modules/.bin/ferry');
      expect(sh(home, node, ferry, '--version').trim()).toBe(packed[0]?.version);
      sh(home, node, ferry, 'init', 'demo');
      expect(JSON.parse(sh(home, node, ferry, 'validate', 'demo/plan.yaml', '--json'))).toMatchObject({ valid: true });
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
