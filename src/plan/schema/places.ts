import { z } from 'zod';
import { COUNTRIES, meantCountry, ZONE_NAMES } from '../countries.ts';
import { approverName, mapping, text } from './parts.ts';

const CODE = 'a country code of two letters (ISO 3166-1), such as NO';

/** A country that exists. */
export function country(description: string) {
  return z
    .string({ error: CODE })
    .check(countryCheck(COUNTRIES, (value) => `{value} is not a country code; expected ${CODE}${meant(value)}`))
    .meta({ description, pattern: '^[A-Z]{2}$' });
}

const zoneItem = z
  .string({ error: `${CODE}, or ${ZONE_NAMES.join(' or ')}` })
  .check(
    countryCheck(
      new Set([...COUNTRIES, ...ZONE_NAMES]),
      (value) =>
        `{value} is not a country code or zone; expected ${CODE}, or ${ZONE_NAMES.join(' or ')}${meant(value)}`,
    ),
  )
  .meta({ description: 'EU, EEA, or an ISO 3166-1 alpha-2 code.', pattern: '^(EEA|[A-Z]{2})$' });

function countryCheck(known: ReadonlySet<string>, message: (value: string) => string) {
  return (payload: z.core.ParsePayload<string>) => {
    if (known.has(payload.value)) return;
    payload.issues.push({ code: 'custom', input: payload.value, message: message(payload.value), continue: true });
  };
}

function meant(value: string): string {
  const upper = value.trim().toUpperCase();
  if (ZONE_NAMES.includes(upper)) {
    return value === upper
      ? `; ${upper} is not one country: name the one where the data is`
      : `; did you mean "${upper}"?`;
  }
  const code = meantCountry(value);
  return code === undefined ? '' : `; did you mean "${code}"?`;
}

export const residencySchema = mapping(
  {
    zone: z
      .array(zoneItem, { error: 'a list of country codes, EU or EEA' })
      .min(1, { error: 'the zone is empty; expected at least one of EU, EEA or a country code' })
      .default(['EEA'])
      .meta({ description: 'The countries that user data may be in.' }),
  },
  'Where user data may be.',
);

export const runnerSchema = mapping(
  {
    jurisdiction: country('The country of the machine that runs ferry; the bytes pass through it.'),
    operator: approverName('Who runs ferry; by default the user of the operating system.').optional(),
  },
  'Where ferry itself runs.',
);

const ENDPOINT_FORM = 'a URL such as https://s3.hamar.example or http://127.0.0.1:9000';

/** @returns what is wrong with an endpoint; never repeats it, since a URL can hold a password. */
function endpointFault(value: string): string | undefined {
  const scheme = /^https?:\/\//i.exec(value)?.[0];
  if (scheme === undefined) return `the endpoint must begin with https:// or http://; expected ${ENDPOINT_FORM}`;
  const rest = value.slice(scheme.length);
  if (/@/.test(rest.split('/', 1)[0] ?? '') || /^[^?#]*@/.test(rest)) {
    return 'a secret cannot stand in a plan: remove the part before "@" from the endpoint and name environment variables under "credentials"';
  }
  if (/[?#]/.test(rest)) return 'the endpoint must not have a query or fragment ("?", "#")';
  if (!/^[^/]*\/?$/.test(rest))
    return 'the endpoint must not have a path; name the bucket with "bucket" and a folder in it with "prefix"';
  return /[\s\\]/.test(rest) || !URL.canParse(value)
    ? `the endpoint is no valid URL; expected ${ENDPOINT_FORM}`
    : undefined;
}

export const endpointSchema = z
  .string({ error: ENDPOINT_FORM })
  .check((payload) => {
    const fault = endpointFault(payload.value);
    if (fault !== undefined) payload.issues.push({ code: 'custom', input: undefined, message: fault, continue: true });
  })
  .meta({
    description: 'Scheme, host and port of the S3 service; left out for AWS itself.',
    pattern: '^[Hh][Tt][Tt][Pp][Ss]?://[^/?#@]+/?$',
  });

export const pathSchema = (description: string) =>
  text('a path, relative to the plan file', description, {
    test: (value) => value !== '' && !value.includes('\0') && !/^~(\/|$)/.test(value),
    error: `{value} is no usable path; expected one relative to the plan file, or an absolute one ("~" is not expanded: write \${HOME})`,
    pattern: '^[^~]|^~[^/]',
  });
