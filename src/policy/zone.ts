/** One country's membership. Dates are of the law, `YYYY-MM-DD`; both ends are days of membership. */
export interface Membership {
  /** ISO 3166-1 alpha-2. */
  readonly member: string;
  readonly since: string;
  /** The last day of it; left out where it lasts. */
  readonly until?: string;
  /** The treaty or decision, with its place in the Official Journal. */
  readonly source: string;
  readonly note?: string;
}

/** A name that a plan may give instead of countries. */
export interface Zone {
  readonly name: 'EU' | 'EEA';
  readonly title: string;
  readonly source: string;
  readonly note: string;
  readonly members: readonly Membership[];
}

const of = (members: string, since: string, source: string): readonly Membership[] =>
  members.split(' ').map((member) => ({ member, since, source }));

const LEFT = {
  until: '2020-01-31',
  note: 'left by the Withdrawal Agreement (OJ L 29, 31.1.2020, p. 7); its transition ended on 2020-12-31',
};

/** https://european-union.europa.eu/principles-countries-history/eu-countries_en, each with the treaty that it joined by. */
const EU: readonly Membership[] = [
  ...of('BE DE FR IT LU NL', '1958-01-01', 'Treaty establishing the European Economic Community (Rome, 1957)'),
  ...of('DK IE', '1973-01-01', 'accession treaty, OJ L 73, 27.3.1972'),
  { member: 'GB', since: '1973-01-01', source: 'accession treaty, OJ L 73, 27.3.1972', ...LEFT },
  ...of('GR', '1981-01-01', 'accession treaty, OJ L 291, 19.11.1979'),
  ...of('ES PT', '1986-01-01', 'accession treaty, OJ L 302, 15.11.1985'),
  ...of('AT FI SE', '1995-01-01', 'accession treaty, OJ C 241, 29.8.1994'),
  ...of('CY CZ EE HU LT LV MT PL SI SK', '2004-05-01', 'accession treaty, OJ L 236, 23.9.2003'),
  ...of('BG RO', '2007-01-01', 'accession treaty, OJ L 157, 21.6.2005'),
  ...of('HR', '2013-07-01', 'accession treaty, OJ L 112, 24.4.2012'),
];

const AGREEMENT = 'Agreement on the European Economic Area, OJ L 1, 3.1.1994, p. 3';

/** https://www.efta.int/about-efta/european-economic-area: the members of the EU, and of EFTA all but Switzerland. */
const EEA: readonly Membership[] = [
  ...of('AT BE DE DK ES FI FR GR IE IS IT LU NL NO PT SE', '1994-01-01', AGREEMENT),
  { member: 'GB', since: '1994-01-01', source: AGREEMENT, ...LEFT },
  ...of('LI', '1995-05-01', 'Decision of the EEA Council No 1/95, OJ L 86, 20.4.1995'),
  ...of('CY CZ EE HU LT LV MT PL SI SK', '2004-05-01', 'EEA enlargement agreement, OJ L 130, 29.4.2004'),
  ...of('BG RO', '2007-08-01', 'EEA enlargement agreement, OJ L 221, 25.8.2007, applied provisionally'),
  ...of('HR', '2014-04-12', 'EEA enlargement agreement, OJ L 170, 11.6.2014, applied provisionally'),
];

export const ZONES: readonly Zone[] = [
  {
    name: 'EU',
    title: 'European Union',
    source: 'https://european-union.europa.eu/principles-countries-history/eu-countries_en',
    note: 'Iceland, Liechtenstein, Norway and Switzerland are not members.',
    members: EU,
  },
  {
    name: 'EEA',
    title: 'European Economic Area',
    source: 'https://www.efta.int/about-efta/european-economic-area',
    note: 'Switzerland is in EFTA and not in the EEA; name CH beside it where the law allows that.',
    members: EEA,
  },
];

/** Today in UTC as `YYYY-MM-DD`. */
export function today(): string {
  return new Date().toISOString().slice(0, 10);
}

/** Whether a membership holds on a day (`YYYY-MM-DD`). */
export function isMember({ since, until }: Membership, day: string): boolean {
  return since <= day && (until === undefined || day <= until);
}

/** The countries (ISO 3166-1 alpha-2) of a plan's `residency.zone` on a day, by default today. */
export function countriesOf(zone: readonly string[], day: string = today()): ReadonlySet<string> {
  return new Set(zone.flatMap((item) => membersOf(item, day) ?? [item]));
}

function membersOf(name: string, day: string): readonly string[] | undefined {
  const zone = ZONES.find((one) => one.name === name);
  return zone?.members.filter((membership) => isMember(membership, day)).map(({ member }) => member);
}
