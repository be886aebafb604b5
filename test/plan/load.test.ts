import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { COUNTRIES } from '../../src/plan/countries.ts';
import { loadPlan, parsePlan } from '../../src/plan/load.ts';
import type { Plan, PlanProblem } from '../../src/plan/types.ts';
import { tempDir } from '../support/temp.ts';

const FILE = '/srv/plans/plan.yaml';

const SAMPLE = `apiVersion: ferry/v1
name: clover-eu
residency: { zone: [EEA, CH, GB] }
runner: { jurisdiction: IE }
stores:
  legacy: { type: file, path: ./legacy, jurisdiction: SG }
  hamar:
    type: s3
    endpoint: https://S3.Hamar.example:443/
    region: no-1
    bucket: users
    jurisdiction: NO
    credentials: { accessKeyIdEnv: HAMAR_KEY, secretAccessKeyEnv: HAMAR_SECRET }
  dublin: { type: file, path: ./centres/dublin, jurisdiction: IE }
partitions:
  - name: nordic
    from: legacy
    select: { pattern: "users/{country}/{user}/**", where: { country: [NO, SE] }, shard: hash(user) % 64 in 0..31 }
    to: hamar
  - name: rest
    from: legacy
    select: { prefix: users/ }
    to: dublin
exclude:
  - { from: legacy, prefix: tmp/, reason: scratch files }
finish: tombstoned
limits: { concurrency: 32, bandwidth: 200MiB/s, requests: 1000/s }
`;

const MINIMAL = `apiVersion: ferry/v1
name: small
stores:
  a: { type: file, path: a, jurisdiction: SG }
  b: { type: file, path: b, jurisdiction: IE }
partitions:
  - { name: all, from: a, select: { prefix: "" }, to: b }
`;

function planOf(text: string, env: Record<string, string> = {}, file = FILE): Plan {
  const result = parsePlan(text, file, env);
  if (!result.ok) throw new Error(JSON.stringify(result.problems, null, 1));
  return result.plan;
}

function problemsOf(text: string, env: Record<string, string> = {}, file = FILE): readonly PlanProblem[] {
  const result = parsePlan(text, file, env);
  return result.ok ? [] : result.problems;
}

describe('a plan that is right', () => {
  test('is resolved: paths absolute, units as numbers, captures and shard read', () => {
    const plan = planOf(SAMPLE);
    expect(plan.stores['legacy']).toEqual({
      type: 'file',
      name: 'legacy',
      jurisdiction: 'SG',
      path: '/srv/plans/legacy',
      keys: 'refuse',
      links: 'refuse',
      xattrs: 'ignore',
    });
    expect(plan.stores['hamar']).toMatchObject({
      endpoint: 'https://s3.hamar.example',
      jurisdiction: 'NO',
      prefix: '',
      pathStyle: undefined,
      credentials: {
        from: 'env',
        accessKeyIdEnv: 'HAMAR_KEY',
        secretAccessKeyEnv: 'HAMAR_SECRET',
        sessionTokenEnv: undefined,
      },
    });
    expect(plan.partitions[0]?.select).toEqual({
      by: 'pattern',
      pattern: 'users/{country}/{user}/**',
      where: { country: ['NO', 'SE'] },
      shard: { capture: 'user', modulus: 64, from: 0, to: 31 },
    });
    expect(plan.exclude).toEqual([
      { from: 'legacy', select: { by: 'prefix', prefix: 'tmp/' }, reason: 'scratch files' },
    ]);
    expect(plan.limits).toEqual({
      concurrency: 32,
      minConcurrency: 4,
      bandwidth: 209_715_200,
      requests: 1000,
      windows: [],
    });
    expect(plan.finish).toBe('tombstoned');
  });

  test('has the stated defaults', () => {
    expect(planOf(MINIMAL)).toMatchObject({
      file: FILE,
      residency: { zone: ['EEA'] },
      runner: undefined,
      exclude: [],
      unassigned: 'refuse',
      verify: 'readback',
      finish: 'verified',
      tombstone: { holdMs: 30 * 86_400_000, approvals: 0 },
      limits: { concurrency: 16, minConcurrency: 4, bandwidth: undefined, requests: undefined, windows: [] },
    });
  });

  test('is frozen all the way down', () => {
    const visit = (value: unknown) => {
      if (typeof value !== 'object' || value === null) return;
      expect(Object.isFrozen(value)).toBe(true);
      Object.values(value).forEach(visit);
    };
    visit(planOf(SAMPLE));
  });

  test('tells where things stand, also what is not in the file', () => {
    const result = parsePlan(SAMPLE, FILE, {});
    if (!result.ok) throw new Error('expected a plan');
    expect(result.locate('stores.hamar.jurisdiction')).toEqual({ file: FILE, line: 12, column: 19 });
    expect(result.locate('partitions[0].select.where.country[1]')).toEqual({ file: FILE, line: 18, column: 76 });
    expect(result.locate('stores.hamar.prefix')).toEqual({ file: FILE, line: 8, column: 5 });
    expect(result.locate('tombstone.hold')).toEqual({ file: FILE, line: 1, column: 1 });
  });

  test('may give stores and captures any lawful name', () => {
    const text = MINIMAL.replaceAll(/\ba\b(?=:| ?,)/g, 'constructor').replace(
      'prefix: ""',
      'pattern: "{token}/**", where: { token: x }',
    );
    const plan = planOf(text);
    expect(Object.keys(plan.stores)).toEqual(['constructor', 'b']);
    expect(plan.partitions[0]?.select).toMatchObject({ where: { token: ['x'] } });
    const unknown = problemsOf(MINIMAL.replace('from: a', 'from: constructor')).map(({ message }) => message);
    expect(unknown).toContainEqual(expect.stringContaining('there is no store "constructor"'));
  });

  test('may be JSON with tabs, a byte order mark or CRLF', () => {
    const json = JSON.stringify(
      {
        apiVersion: 'ferry/v1',
        name: 'small',
        stores: {
          a: { type: 'file', path: 'a', jurisdiction: 'SG' },
          b: { type: 'file', path: 'b', jurisdiction: 'IE' },
        },
        partitions: [{ name: 'all', from: 'a', select: { prefix: '' }, to: 'b' }],
      },
      null,
      '\t',
    );
    expect(planOf(json).digest).toBe(planOf(MINIMAL).digest);
    expect(planOf(`\ufeff${MINIMAL.replaceAll('\n', '\r\n')}`).digest).toBe(planOf(MINIMAL).digest);
  });

  test('may share settings by anchors', () => {
    const text = MINIMAL.replace('prefix: ""', 'pattern: "{c}/*", where: { c: &c [NO, SE] }').concat(
      'exclude:\n  - { from: a, pattern: "{c}/**", where: { c: *c }, reason: deep }\n',
    );
    expect(planOf(text).exclude[0]?.select).toMatchObject({ where: { c: ['NO', 'SE'] } });
  });
});

describe('digests', () => {
  test('do not depend on where the plan is checked out, on order or on how it is written', () => {
    const digest = planOf(MINIMAL).digest;
    expect(planOf(`${MINIMAL}serverSideCopy: allow\n`).digest).toBe(digest);
    expect(planOf(`${MINIMAL}serverSideCopy: never\n`).digest).not.toBe(digest);
    expect(planOf(MINIMAL, {}, '/elsewhere/p.yaml').digest).toBe(digest);
    expect(planOf(`# a comment\n${MINIMAL}verify: readback\nlimits: {}\n`).digest).toBe(digest);
    const [one, other] = ['1000/s', '1000'].map((rate) => planOf(`${MINIMAL}limits: { requests: ${rate} }\n`));
    expect([one?.digest, one?.limits.requests]).toEqual([other?.digest, other?.limits.requests]);
    expect(planOf(MINIMAL.replace('name: small\n', '').concat('name: "small"\n')).digest).toBe(digest);
    expect(planOf(MINIMAL.replace('path: a', `path: "\${P:-a}"`)).digest).toBe(digest);
  });

  test('change with what the plan says; routing only with what decides where an object goes', () => {
    const plan = planOf(MINIMAL);
    const slower = planOf(`${MINIMAL}limits: { concurrency: 1 }\n`);
    expect(slower.digest).not.toBe(plan.digest);
    expect(slower.routing).toBe(plan.routing);
    const other = planOf(MINIMAL.replace('prefix: ""', 'prefix: x'));
    expect(other.routing).not.toBe(plan.routing);
    expect(planOf(MINIMAL.replace('path: a', `path: "\${P:-a}"`), { P: 'c' }).digest).not.toBe(plan.digest);
  });
});

describe('object lock and storage classes', () => {
  const partition = (text: string) => planOf(text).partitions[0];

  test('go along and stay as they are by default', () => {
    expect(partition(MINIMAL)).toMatchObject({ objectLock: 'carry', storageClasses: {} });
  });

  test("are the plan's, and over them the partition's, class by class; routing stays the same", () => {
    const text = `${MINIMAL}objectLock: refuse\nstorageClass: { GLACIER: STANDARD_IA, "*": STANDARD }\n`;
    expect(partition(text)).toMatchObject({
      objectLock: 'refuse',
      storageClasses: { GLACIER: 'STANDARD_IA', '*': 'STANDARD' },
    });
    const own = text.replace('prefix: ""', 'prefix: "" }, objectLock: carry, storageClass: { "*": STANDARD_IA');
    expect(partition(own)).toMatchObject({
      objectLock: 'carry',
      storageClasses: { GLACIER: 'STANDARD_IA', '*': 'STANDARD_IA' },
    });
    for (const changed of [text, own]) {
      expect(planOf(changed).routing).toBe(planOf(MINIMAL).routing);
      expect(planOf(changed).digest).not.toBe(planOf(MINIMAL).digest);
    }
  });
});

describe('variables', () => {
  const withPath = (path: string) => MINIMAL.replace('path: a', () => `path: '${path}'`);
  const pathOf = (path: string, env: Record<string, string>) => {
    const store = planOf(withPath(path), env).stores['a'];
    return store?.type === 'file' ? store.path : undefined;
  };

  test.each([
    [`/\${P}`, { P: 'x' }, '/x'],
    [`/\${P:-d}`, {}, '/d'],
    [`/\${P:-d}`, { P: '' }, '/d'],
    [`/\${P:-}z`, {}, '/z'],
    [`/\${P}\${Q}`, { P: 'x', Q: 'y' }, '/xy'],
    [`/\${P}`, { P: `\${Q}` }, `/\${Q}`],
    [`/$\${P}`, {}, `/\${P}`],
    ['/$P', {}, '/$P'],
  ])('%j becomes what the environment says', (path, env, expected) => {
    expect(pathOf(path, env)).toBe(expected);
  });

  test('stay text where text is wanted, and become numbers where numbers are', () => {
    const text = `${MINIMAL.replace('small', `"\${N}"`)}limits: { concurrency: "\${N}" }\n`;
    expect(planOf(text, { N: '42' })).toMatchObject({ name: '42', limits: { concurrency: 42 } });
    expect(problemsOf(text, { N: 'lots' })[0]).toMatchObject({ path: 'limits.concurrency', line: 8 });
  });

  test('that are missing are all told', () => {
    expect(problemsOf(withPath(`\${A}/\${B}`)).map((problem) => problem.message)).toEqual([
      expect.stringContaining('variable A is not set'),
      expect.stringContaining('variable B is not set'),
    ]);
  });
});

describe('secrets', () => {
  const fields = [
    'accessKeyId',
    'secretAccessKey',
    'sessionToken',
    'password',
    'secret',
    'token',
    'secret_access_key',
    'apiKey',
  ];
  const place = fc.constantFrom('root', 'store', 'credentials', 'select', 'limits');

  test('are refused wherever they stand, and no message repeats them', () => {
    const secret = fc.stringMatching(/^[A-Za-z0-9/+]{8,40}$/).filter((text) => !SAMPLE.includes(text));
    fc.assert(
      fc.property(fc.constantFrom(...fields), secret, place, (field, value, where) => {
        const line = `${field}: "${value}"`;
        const texts = {
          root: `${SAMPLE}${line}\n`,
          store: SAMPLE.replace('bucket: users', `bucket: users\n    ${line}`),
          credentials: SAMPLE.replace('accessKeyIdEnv: HAMAR_KEY', line),
          select: SAMPLE.replace('prefix: users/', `prefix: users/, ${line}`),
          limits: SAMPLE.replace('concurrency: 32', line),
        };
        const problems = problemsOf(texts[where]);
        expect(
          problems.filter(({ message }) => message.includes('a secret cannot stand in a plan; name')),
        ).toHaveLength(1);
        expect(JSON.stringify(problems)).not.toContain(value);
      }),
    );
  });

  test('pasted in place of the name of a variable are refused, and not repeated', () => {
    const secret = fc
      .stringMatching(/^[A-Za-z0-9/+]{40}$/)
      .filter((text) => /[A-Z]/.test(text) && /[a-z]/.test(text) && /\d/.test(text));
    fc.assert(
      fc.property(secret, (value) => {
        const problems = problemsOf(SAMPLE.replace('HAMAR_SECRET', `"${value}"`));
        expect(problems).toHaveLength(1);
        expect(problems[0]).toMatchObject({ path: 'stores.hamar.credentials.secretAccessKeyEnv', line: 13 });
        expect(JSON.stringify(problems)).not.toContain(value);
      }),
    );
  });

  test('that come in by a variable are never in a message, whatever field they are put in', () => {
    const value = 'hunter2-hunter2';
    const targets = [
      'clover-eu',
      'IE',
      'https://S3.Hamar.example:443/',
      'no-1',
      'users',
      'tombstoned',
      '200MiB/s',
      'NO, SE',
      'legacy, prefix',
    ];
    for (const target of targets) {
      const [before = '', after = ''] = [
        SAMPLE.slice(0, SAMPLE.indexOf(target)),
        SAMPLE.slice(SAMPLE.indexOf(target) + target.length),
      ];
      const problems = problemsOf(
        `${before}"\${PW}"${target.includes(',') ? `, ${target.split(', ')[1]}` : ''}${after}`,
        { PW: value },
      );
      expect(JSON.stringify(problems), target).not.toContain(value);
    }
    expect(problemsOf(SAMPLE.replace('no-1', `"\${PW}"`), { PW: `${value}!` })).toEqual([
      expect.objectContaining({
        path: 'stores.hamar.region',
        message: expect.stringContaining('expands to is no region'),
      }),
    ]);
  });
});

describe('what a plan cannot be', () => {
  test('an explosion of aliases is refused soon', () => {
    const levels = ['a: &l0 [x, x, x, x, x, x, x, x, x, x]'];
    for (let i = 1; i < 12; i += 1)
      levels.push(
        `b${i}: &l${i} [${Array(10)
          .fill(`*l${i - 1}`)
          .join(', ')}]`,
      );
    const problems = problemsOf(levels.join('\n'));
    expect(problems.some(({ message }) => message.includes('the aliases repeat too much'))).toBe(true);
    expect(problems.length).toBeLessThan(50);
  });

  test('an alias inside its own anchor, or endless nesting, is refused', () => {
    expect(problemsOf('a: &a [*a]').map(({ message }) => message)).toContainEqual(
      expect.stringContaining('contains itself'),
    );
    expect(problemsOf('['.repeat(100_000))).toContainEqual(expect.objectContaining({ line: expect.any(Number) }));
    const deep = problemsOf(`a: ${'['.repeat(80)}${']'.repeat(80)}`).map(({ message }) => message);
    expect(deep).toContainEqual(expect.stringContaining('nested too deeply'));
  });

  test('fields with names that objects have of themselves are unknown like others', () => {
    for (const name of ['constructor', 'toString', 'hasOwnProperty', '__proto__']) {
      expect(problemsOf(`${MINIMAL}${name}: 1\n`), name).toHaveLength(1);
    }
  });

  test('a huge file is refused before it is parsed', () => {
    expect(problemsOf('#'.repeat(5 * 1024 * 1024))).toEqual([
      expect.objectContaining({ message: expect.stringContaining('4 MiB') }),
    ]);
  });

  test('any text at all gives a plan or problems in order and inside the text, never a throw', () => {
    const lines = SAMPLE.split('\n');
    const broken = fc
      .tuple(fc.nat(lines.length - 1), fc.nat(60), fc.string({ maxLength: 6 }), fc.nat(8))
      .map(([row, column, insert, remove]) =>
        lines
          .map((line, i) => (i === row ? line.slice(0, column) + insert + line.slice(column + remove) : line))
          .join('\n'),
      );
    fc.assert(
      fc.property(fc.oneof(broken, fc.string({ unit: 'binary' })), (text) => {
        const result = parsePlan(text, FILE, {});
        if (result.ok) return;
        expect(result.problems.length).toBeGreaterThan(0);
        let last = 1;
        for (const { line, column } of result.problems) {
          expect(line).toBeGreaterThanOrEqual(last);
          expect(line).toBeLessThanOrEqual(text.split(/\n/).length);
          expect(column).toBeGreaterThanOrEqual(1);
          last = line;
        }
      }),
      { numRuns: 500 },
    );
  });
});

describe('stores that share objects', () => {
  const stores = (one: string, two: string) => `apiVersion: ferry/v1
name: small
stores:
  a: { jurisdiction: SG, ${one} }
  b: { jurisdiction: IE, ${two} }
partitions:
  - { name: all, from: a, select: { prefix: "" }, to: b }
`;
  const s3 = (endpoint: string, bucket: string, prefix: string) =>
    `type: s3, region: r, bucket: ${bucket}, prefix: "${prefix}"${endpoint === '' ? '' : `, endpoint: "${endpoint}"`}`;

  test.each([
    [s3('http://h', 'one', ''), s3('http://h', 'one', 'x')],
    [s3('http://h', 'one', 'x'), s3('HTTP://H:80/', 'one', 'xy')],
    [s3('https://h:443', 'one', 'x'), s3('http://h', 'one', 'x')],
    [s3('', 'one', ''), s3('https://s3.dualstack.eu-north-1.amazonaws.com', 'one', '')],
    ['type: file, path: x', 'type: file, path: ./x/y/..'],
    ['type: file, path: /', 'type: file, path: /no/such/place'],
  ])('%s and %s are refused', (one, two) => {
    for (const text of [stores(one, two), stores(two, one)]) {
      expect(problemsOf(text)).toEqual([
        expect.objectContaining({ line: 5, message: expect.stringContaining('must not share') }),
      ]);
    }
  });

  test.each([
    [s3('http://h', 'one', 'x/'), s3('http://h', 'one', 'y/')],
    [s3('http://h', 'one', ''), s3('http://h', 'two', '')],
    [s3('http://h', 'one', ''), s3('http://h:9000', 'one', '')],
    [s3('', 'one', ''), s3('http://h', 'one', '')],
    ['type: file, path: x', 'type: file, path: xy'],
  ])('%s and %s are not', (one, two) => {
    expect(problemsOf(stores(one, two))).toEqual([]);
  });

  test('links are followed, also those whose target is not there yet', () => {
    const dir = tempDir();
    mkdirSync(join(dir, 'real'));
    symlinkSync('real', join(dir, 'link'));
    symlinkSync('real/later', join(dir, 'dangling'));
    const file = join(dir, 'plan.yaml');
    for (const path of ['link', 'link/below/that', 'dangling', 'dangling/x']) {
      const problems = problemsOf(stores('type: file, path: real', `type: file, path: ${path}`), {}, file);
      expect(problems, path).toHaveLength(1);
    }
    expect(problemsOf(stores('type: file, path: link/a', 'type: file, path: real/b'), {}, file)).toEqual([]);
  });
});

describe('files', () => {
  test('are read relative to the folder of the plan', async () => {
    const dir = tempDir();
    const file = join(dir, 'plan.yaml');
    writeFileSync(join(dir, 'keys.csv.gz'), '');
    writeFileSync(file, MINIMAL.replace('prefix: ""', 'manifest: keys.csv.gz'));
    const result = await loadPlan(file, {});
    if (!result.ok) throw new Error(JSON.stringify(result.problems));
    expect(result.plan.partitions[0]?.select).toEqual({
      by: 'manifest',
      path: join(dir, 'keys.csv.gz'),
      format: 'csv',
    });
  });

  test.each([
    ['keys.ndjson', 'ndjson'],
    ['keys.JSONL.gz', 'ndjson'],
    ['keys.csv', 'csv'],
    ['keys.txt.gz', 'lines'],
    ['keys', 'lines'],
  ])('%s is taken for %s', (name, format) => {
    const dir = tempDir();
    writeFileSync(join(dir, name), '');
    const plan = planOf(MINIMAL.replace('prefix: ""', `manifest: ${name}`), {}, join(dir, 'plan.yaml'));
    expect(plan.partitions[0]?.select).toMatchObject({ format });
    const said = planOf(
      MINIMAL.replace('prefix: ""', `manifest: { path: ${name}, format: ${format} }`),
      {},
      join(dir, 'plan.yaml'),
    );
    expect(said.digest).toBe(plan.digest);
  });

  test('that cannot be read are problems', async () => {
    const dir = tempDir();
    const at = { line: 1, column: 1, path: '' };
    expect(await loadPlan(join(dir, 'none.yaml'), {})).toEqual({
      ok: false,
      problems: [{ ...at, file: join(dir, 'none.yaml'), message: expect.stringContaining('no such file') }],
    });
    expect(await loadPlan(dir, {})).toMatchObject({
      ok: false,
      problems: [{ ...at, message: expect.stringContaining('folder') }],
    });
    // An endless one is given up early.
    expect(await loadPlan('/dev/zero', {})).toMatchObject({
      ok: false,
      problems: [{ message: expect.stringContaining('4 MiB') }],
    });
  });
});

test('countries are the 249 of ISO 3166-1', () => {
  expect(COUNTRIES.size).toBe(249);
  const names = new Intl.DisplayNames(['en'], { type: 'region', fallback: 'none' });
  for (const code of COUNTRIES) expect(names.of(code), code).toBeDefined();
  for (const code of ['UK', 'EU', 'XK', 'SU', 'AN', 'ZZ']) expect(COUNTRIES.has(code), code).toBe(false);
});

describe('the control store', () => {
  const withControl = (store: string, more = '') =>
    `${MINIMAL}control: ${store}\n`.replace('partitions:', `${more}partitions:`);
  const shared = '  shared: { type: file, path: shared, jurisdiction: IE }\n';

  test('is named by no partition, and by the plan alone', () => {
    expect(planOf(withControl('shared', shared)).control).toBe('shared');
    expect(planOf(MINIMAL).control).toBeUndefined();
    expect(problemsOf(MINIMAL.replace('partitions:', `${shared}partitions:`)).map(({ path }) => path)).toEqual([
      'stores.shared',
    ]);
  });

  test('has no user data', () => {
    expect(problemsOf(withControl('b'))).toMatchObject([
      { line: 8, path: 'control', message: expect.stringContaining('has user data, by line 7') },
    ]);
    expect(problemsOf(withControl('shred', shared))).toMatchObject([
      { path: 'control', message: expect.stringContaining('did you mean "shared"?') },
    ]);
  });
});
