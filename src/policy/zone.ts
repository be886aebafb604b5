/**
 * The zones that a plan may name instead of countries.
 *
 * EU: the 27 members since the United Kingdom left on 2020-01-31 (Treaty on European Union, art. 50).
 * EEA: the EU with Iceland, Liechtenstein and Norway (Agreement on the European Economic Area, in force since 1994-01-01).
 */
const EU = 'AT BE BG HR CY CZ DK EE FI FR DE GR HU IE IT LV LT LU MT NL PL PT RO SK SI ES SE'.split(' ');
const EEA = [...EU, 'IS', 'LI', 'NO'];

/** The countries (ISO 3166-1 alpha-2) of a plan's `residency.zone`. */
export function countriesOf(zone: readonly string[]): ReadonlySet<string> {
  return new Set(zone.flatMap((item) => (item === 'EU' ? EU : item === 'EEA' ? EEA : [item])));
}
