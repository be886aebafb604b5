import { z } from 'zod';
import { ATTRIBUTE_NAMES } from '../../base/attribute-names.ts';
import { DURATION_PATTERN, parseDuration } from '../units.ts';
import { mapping, oneOf, text, whole } from './parts.ts';

const DAY = 86_400_000;
const LONGEST_HOLD = 36_500 * DAY;

const holdField = text('a duration such as 90s, 15m, 12h or 30d', 'How long a tombstone can be undone.', {
  test: (value) => (parseDuration(value) ?? Number.POSITIVE_INFINITY) <= LONGEST_HOLD,
  error: '{value} is no duration; expected a whole number and s, m, h or d, such as 30d, up to 36500d',
  pattern: DURATION_PATTERN,
});

export const acceptSchema = z
  .array(oneOf(ATTRIBUTE_NAMES, 'An attribute, by its name in docs/fidelity.md.'), {
    error: 'a list of attributes, such as [contentType, tags]',
  })
  .meta({ description: 'What objects may lose at a centre that cannot hold it; else they are not copied.' });

export const objectLockSchema = oneOf(
  ['carry', 'refuse'],
  'Whether objects with retention or legal hold take them along (default), or stay where they are, as held.',
);

const CLASS = /^[A-Z][A-Z0-9_]{0,62}$/;
const CLASS_FORM = 'a storage class as the S3 API names it, such as STANDARD_IA';

export const storageClassSchema = z
  .record(
    text(`${CLASS_FORM}, or "*"`, 'A class at the source; "*" stands for all that are not named.', {
      test: (value) => value === '*' || CLASS.test(value),
      error: `{value} is no storage class; expected ${CLASS_FORM}, or "*" for all that are not named`,
      pattern: `^\\*$|${CLASS.source}`,
    }),
    text(CLASS_FORM, 'The class at the centre.', {
      test: (value) => CLASS.test(value),
      error: `{value} is no storage class; expected ${CLASS_FORM}`,
      pattern: CLASS.source,
    }),
    {
      error: (issue) =>
        issue.code === 'invalid_key'
          ? `this names no class at the source; expected ${CLASS_FORM}, or "*" for all that are not named`
          : 'a mapping from storage classes at the source to those at the centre',
    },
  )
  .meta({ description: 'Storage classes at the source and what becomes of them at the centre; others are kept.' });

export const tombstoneSchema = mapping(
  {
    hold: holdField.default('30d'),
    approvals: whole(0, 100, 'How many approvals of the sealed plan tombstoning needs.').default(0),
    markers: oneOf(
      ['auto', 'remove'],
      'Whether purge removes markers only where no write can be lost with them (auto), or in any bucket (remove).',
    ).optional(),
    // Both optional, so that plans of before keep their digest.
    keep: oneOf(
      ['version', 'staged', 'centre'],
      'What keeps the old bytes: the hidden version, a copy put aside at the source, or the copy at the centre alone. Left out, the safest that the source has.',
    ).optional(),
    without: oneOf(
      ['cas'],
      'What a source with versioning may lack: cas is a PUT that honours If-Match. Left out, nothing.',
    ).optional(),
  },
  'How the source is emptied, where finish is tombstoned.',
);
