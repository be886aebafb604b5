import { z } from 'zod';
import { BANDWIDTH_PATTERN, parseBandwidth, parseRequestRate, REQUESTS_PATTERN } from '../units.ts';
import { isTimeOfDay, isZone, TIME_PATTERN, WEEKDAYS } from '../wall-clock.ts';
import { choice, mapping, oneOf, text, whole } from './parts.ts';

/** A limit that a window lifts. */
export const NONE = 'none';

const MOST_REQUESTS = 1_000_000_000;

function bandwidth(description: string, none: boolean) {
  return text('a rate such as 200MiB/s', description, {
    test: (value) => (parseBandwidth(value) ?? 0) > 0 || (none && value === NONE),
    error: `{value} is no rate above zero; expected a size and /s, such as 200MiB/s${none ? ', or none' : ''}`,
    pattern: none ? `${BANDWIDTH_PATTERN}|^${NONE}$` : BANDWIDTH_PATTERN,
  });
}

/** Also as a plain number, which can only be meant in one way. */
function requests(description: string, none: boolean) {
  return choice(
    (value) => ({ branch: typeof value === 'number' ? 1 : 0 }),
    [
      text('a rate such as 1000/s', description, {
        test: (value) => (parseRequestRate(value) ?? 0) > 0 || (none && value === NONE),
        error: `{value} is no rate above zero; expected a whole number and /s, such as 1000/s${none ? ', or none' : ''}`,
        pattern: none ? `${REQUESTS_PATTERN}|^${NONE}$` : REQUESTS_PATTERN,
      }),
      whole(1, MOST_REQUESTS, description),
    ],
  ).meta({ description });
}

const time = (description: string, last: '23:59' | '24:00') =>
  text(`a time of day such as "08:00", up to "${last}"`, description, {
    test: (value) => isTimeOfDay(value) && value <= last,
    error: `{value} is no time of day; expected hours and minutes such as 08:00, up to ${last}`,
    pattern: TIME_PATTERN,
  });

const windowSchema = mapping(
  {
    days: z
      .array(oneOf(WEEKDAYS, 'A day on which it begins.'), { error: 'a list of days, such as [mon, tue]' })
      .min(1, { error: 'the list is empty; leave it out for all days' })
      .optional()
      .meta({ description: 'The days on which it begins; left out, all.' }),
    from: time('When it begins, by the clock on the wall.', '23:59'),
    to: time('When it ends; on the next day, where that is not after its beginning.', '24:00'),
    zone: text('a time zone such as Europe/Dublin', 'Whose clock: a zone of the IANA time zone database.', {
      test: isZone,
      error: '{value} is no time zone; expected one of the IANA database, such as Europe/Dublin or UTC',
    }),
    bandwidth: bandwidth('Bytes a second in that time, or none for no limit.', true).optional(),
    requests: requests('Requests a second in that time, or none for no limit.', true).optional(),
    concurrency: whole(1, 1024, 'Objects in work at once in that time.').optional(),
  },
  'A time of day on days of the week with limits of its own; what it leaves out is as in limits.',
);

export const limitsSchema = mapping(
  {
    concurrency: whole(1, 1024, 'Objects in work at once.').default(16),
    // These are optional, so that plans of before keep their digest.
    minConcurrency: whole(
      1,
      1024,
      'Requests at once that a bucket is sent however slow it is; 4 where it is left out.',
    ).optional(),
    bandwidth: bandwidth('Bytes a second that are read from sources; left out for no limit.', false).optional(),
    requests: requests('Requests a second to any one store; left out for no limit.', false).optional(),
    windows: z
      .array(windowSchema, {
        error: 'a list of windows, such as [{ from: "08:00", to: "20:00", zone: UTC, bandwidth: 10MiB/s }]',
      })
      .optional()
      .meta({ description: 'Times with other limits; the first that it is counts.' }),
  },
  'How much ferry may ask of stores and network.',
);
