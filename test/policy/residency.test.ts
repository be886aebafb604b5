import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ApproverSpec, Plan, S3StoreSpec, StoreSpec } from '../../src/plan/types.ts';
import { judgeResidency } from '../../src/policy/residency.ts';
import { countriesOf, isMember, ZONES } from '../../src/policy/zone.ts';

interface Told {
  readonly zone: readonly string[];
  readonly source: string;
  readonly centre: string;
  readonly runner: string | undefined;
  readonly operator?: string;
  readonly approvers?: readonly { readonly name: string; readonly jurisdiction: string; readonly key: string }[];
  readonly approvals?: number;
  readonly keyHolder?: string | undefined;
  readonly revoked?: readonly string[];
  readonly keep?: 'centre';
  readonly finish?: Plan['finish'];
}

function bucket(name: string, jurisdiction: string, keyHolder?: string): S3StoreSpec {
  const spec = {
    type: 's3',
    region: 'r',
    bucket: name,
    prefix: '',
    endpoint: undefined,
    pathStyle: undefined,
  } as const;
  const credentials = { from: 'default' } as const;
  const encryption = { type: 'SSE-KMS' } as const;
  return { ...spec, name, jurisdiction, credentials, encryption, ...(keyHolder === undefined ? {} : { keyHolder }) };
}

function planOf(told: Told): Plan {
  const stores: Record<string, StoreSpec> = {
    legacy: bucket('legacy', told.source),
    hamar: bucket('hamar', told.centre, told.keyHolder),
  };
  const approvers: ApproverSpec[] = (told.approvers ?? []).map(({ name, jurisdiction, key }) => {
    return { name, jurisdiction, key: { text: `ssh-ed25519 ${key}` } };
  });
  const keep = told.keep === undefined ? {} : { keep: told.keep };
  return {
    apiVersion: 'ferry/v1',
    name: 'p',
    file: '/p.yaml',
    digest: 'sha256:0',
    document: {},
    routing: 'sha256:0',
    residency: { zone: told.zone },
    runner: told.runner === undefined ? undefined : { jurisdiction: told.runner, operator: told.operator },
    approvers,
    revoked: told.revoked ?? [],
    drift: { objects: 0, bytes: 0 },
    stores,
    partitions: [
      {
        name: 'all',
        from: 'legacy',
        to: 'hamar',
        select: { by: 'prefix', prefix: '' },
        versions: 'current',
        encryption: undefined,
        accept: [],
        objectLock: 'carry',
        storageClasses: {},
      },
    ],
    exclude: [],
    unassigned: 'refuse',
    verify: 'readback',
    serverSideCopy: 'allow',
    finish: told.finish ?? 'tombstoned',
    tombstone: { holdMs: 0, approvals: told.approvals ?? 0, markers: 'auto', ...keep },
    limits: { concurrency: 1, minConcurrency: 1, bandwidth: undefined, requests: undefined, windows: [] },
  };
}

const refusals = (told: Told): string[] =>
  judgeResidency(planOf(told))
    .filter(({ severity }) => severity === 'error')
    .map(({ rule }) => rule)
    .sort();

/** Written from the law and the rules' titles, not from the code: who is in, and what must then be refused. */
const IN: Readonly<Record<string, Readonly<Record<string, boolean>>>> = {
  EU: { IE: true, HR: true, NO: false, GB: false, CH: false, US: false },
  EEA: { IE: true, HR: true, NO: true, GB: false, CH: false, US: false },
  'EEA,CH,GB': { IE: true, HR: true, NO: true, GB: true, CH: true, US: false },
  NO: { IE: false, HR: false, NO: true, GB: false, CH: false, US: false },
};

function oracle(
  zone: string,
  at: { source: string; centre: string; runner: string; approver: string; holder: string },
) {
  const inside = (country: string): boolean => IN[zone]?.[country] === true;
  const expected: string[] = [];
  if (!inside(at.centre)) expected.push('R001');
  if (inside(at.source) && !inside(at.centre)) expected.push('R002');
  if (!inside(at.runner)) expected.push('R003');
  // One approval of one approver is asked for.
  if (!inside(at.approver)) expected.push('R004', 'R006');
  if (!inside(at.holder)) expected.push('R005');
  return expected.sort();
}

const COUNTRIES = ['IE', 'HR', 'NO', 'GB', 'CH', 'US'];
// Every country once at every place beside a good rest, and all pairs of centre and source.
const CASES = Object.keys(IN).flatMap((zone) => {
  const good = { source: 'US', centre: 'NO', runner: 'NO', approver: 'NO', holder: 'NO' };
  const base = zone === 'EU' ? { source: 'US', centre: 'IE', runner: 'IE', approver: 'IE', holder: 'IE' } : good;
  const single = (['runner', 'approver', 'holder'] as const).flatMap((place) =>
    COUNTRIES.map((country) => ({ zone, at: { ...base, [place]: country } })),
  );
  const pairs = COUNTRIES.flatMap((source) => COUNTRIES.map((centre) => ({ zone, at: { ...base, source, centre } })));
  return [...single, ...pairs];
});

describe('the residency rules', () => {
  it('covers at least 120 cases', () => {
    expect(CASES.length).toBeGreaterThanOrEqual(120);
    expect(CASES.filter(({ zone, at }) => oracle(zone, at).length === 0).length).toBeGreaterThan(20);
  });

  it.each(CASES.map(({ zone, at }) => [`${zone}: ${Object.values(at).join(' ')}`, zone, at] as const))(
    'agree with an oracle: %s',
    (_name, zone, { source, centre, runner, approver, holder }) => {
      const approvers = [{ name: 'a', jurisdiction: approver, key: 'AAAAa' }];
      const told = { zone: zone.split(','), source, centre, runner, approvers, approvals: 1, keyHolder: holder };
      expect(refusals(told)).toEqual(oracle(zone, { source, centre, runner, approver, holder }));
    },
  );

  const good = { zone: ['EEA'], source: 'SG', centre: 'NO', runner: 'IE' };
  const key = (n: string) => ({ name: n, jurisdiction: 'IE', key: `AAAA${n.repeat(4)}` });

  it('takes the store’s own country for a key holder that is not named', () => {
    expect(refusals(good)).toEqual([]);
    expect(refusals({ ...good, keyHolder: 'US' })).toEqual(['R005']);
  });

  it('counts each key and each name once, and none that is revoked', () => {
    const two = [key('b'), { ...key('c'), key: 'AAAAbbbb' }];
    expect(refusals({ ...good, approvals: 2, approvers: [key('b'), key('c')] })).toEqual([]);
    expect(refusals({ ...good, approvals: 2, approvers: two })).toEqual(['R006']);
    expect(refusals({ ...good, approvals: 2, approvers: [key('b'), { ...key('b'), key: 'AAAAdddd' }] })).toEqual([
      'R006',
    ]);
    const id = createHash('sha256').update(Buffer.from('AAAAbbbb', 'base64')).digest('base64').replace(/=+$/, '');
    const revoked = [`SHA256:${id}`];
    expect(refusals({ ...good, approvals: 1, approvers: [key('b')], revoked })).toEqual(['R006']);
    expect(refusals({ ...good, approvals: 1, approvers: [key('b'), key('c')], revoked })).toEqual([]);
    // A plan that makes no tombstones needs no approvals.
    expect(refusals({ ...good, approvals: 2, approvers: [key('b')], finish: 'verified' })).toEqual([]);
  });

  it('only warns while nobody is named who could approve', () => {
    const findings = judgeResidency(planOf({ ...good, approvals: 2 }));
    expect(findings).toMatchObject([{ rule: 'R006', severity: 'warning', subject: 'tombstone.approvals' }]);
  });

  it('refuses an operator who alone can approve', () => {
    const alone = { ...good, operator: 'b', approvals: 1 };
    expect(refusals({ ...alone, approvers: [key('b')] })).toEqual(['R007']);
    expect(refusals({ ...alone, approvers: [key('b'), { ...key('c'), jurisdiction: 'US' }] })).toEqual([
      'R004',
      'R007',
    ]);
    expect(refusals({ ...alone, approvers: [key('b'), key('c')] })).toEqual([]);
    expect(refusals({ ...alone, approvers: [key('c')] })).toEqual([]);
  });

  it('warns of a restore that would copy out of a centre', () => {
    const rules = (told: Told) => judgeResidency(planOf(told)).map(({ rule, severity }) => `${rule} ${severity}`);
    expect(rules({ ...good, keep: 'centre' })).toEqual(['R008 warning']);
    expect(rules({ ...good, source: 'SE', keep: 'centre' })).toEqual([]);
  });

  it('wants the control store inside the zone', () => {
    const plan = planOf(good);
    const judged = (jurisdiction: string) => {
      const stores = { ...plan.stores, shared: bucket('shared', jurisdiction) };
      return judgeResidency({ ...plan, stores, control: 'shared' }).map(({ rule, subject }) => `${rule} ${subject}`);
    };
    expect(judged('NO')).toEqual([]);
    expect(judged('SG')).toEqual(['R009 stores.shared.jurisdiction']);
  });

  it('lets no plan pass that can move a byte out of the zone', () => {
    const country = fc.constantFrom('IE', 'NO', 'HR', 'GB', 'CH', 'US', 'SG', 'IS', 'LI');
    const zone = fc.uniqueArray(fc.constantFrom('EU', 'EEA', 'CH', 'GB', 'NO', 'US'), { minLength: 1, maxLength: 3 });
    const places = fc.array(country, { minLength: 2, maxLength: 6 });
    const ways = fc.array(fc.tuple(fc.nat(), fc.nat()), { minLength: 1, maxLength: 5 });
    let passed = 0;
    fc.assert(
      fc.property(zone, places, ways, fc.option(country, { nil: undefined }), (names, where, pairs, runner) => {
        const base = planOf({ zone: names, source: 'SG', centre: 'NO', runner });
        const stores = Object.fromEntries(where.map((one, index) => [`s${index}`, bucket(`s${index}`, one)]));
        const partitions = pairs.map(([from, to]) => {
          const [first] = base.partitions;
          if (first === undefined) throw new Error('no partition');
          return { ...first, from: `s${from % where.length}`, to: `s${to % where.length}` };
        });
        const plan = { ...base, stores, partitions };
        if (judgeResidency(plan).some(({ severity }) => severity === 'error')) return;
        passed += 1;
        const inside = (at: string | undefined): boolean => at !== undefined && members(names).has(at);
        for (const { from, to } of plan.partitions) {
          if (inside(plan.stores[from]?.jurisdiction)) expect(inside(plan.stores[to]?.jurisdiction)).toBe(true);
          expect(inside(plan.stores[to]?.jurisdiction)).toBe(true);
        }
        if (runner !== undefined) expect(inside(runner)).toBe(true);
      }),
      { numRuns: 2_000 },
    );
    expect(passed).toBeGreaterThan(50);
  });
});

/** As a person would write them down. */
function members(names: readonly string[]): ReadonlySet<string> {
  const eu = 'AT BE BG HR CY CZ DK EE FI FR DE GR HU IE IT LV LT LU MT NL PL PT RO SK SI ES SE'.split(' ');
  const all = names.flatMap((name) => (name === 'EU' ? eu : name === 'EEA' ? [...eu, 'IS', 'LI', 'NO'] : [name]));
  return new Set(all);
}

describe('the built-in zones', () => {
  it.each(['EU', 'EEA'])('%s has the members of today', (name) => {
    expect([...countriesOf([name], '2026-11-25')].sort()).toEqual([...members([name])].sort());
  });

  it.each([
    ['EU', '2013-06-30', 'HR', false],
    ['EU', '2013-07-01', 'HR', true],
    ['EEA', '2013-07-01', 'HR', false],
    ['EEA', '2014-04-12', 'HR', true],
    ['EU', '2020-01-31', 'GB', true],
    ['EU', '2020-02-01', 'GB', false],
    ['EEA', '2020-02-01', 'GB', false],
    ['EEA', '1995-04-30', 'LI', false],
    ['EEA', '2026-11-25', 'CH', false],
    ['EU', '2026-11-25', 'NO', false],
  ])('%s on %s has %s: %s', (zone, day, country, is) => {
    expect(countriesOf([zone], day).has(country)).toBe(is);
  });

  it('tells for each membership since when, and by what', () => {
    for (const { members: all } of ZONES)
      for (const one of all) {
        expect(one.since).toMatch(/^\d{4}-\d\d-\d\d$/);
        expect(one.source).not.toBe('');
        expect(isMember(one, one.since)).toBe(true);
      }
  });
});
