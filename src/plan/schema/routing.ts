import { z } from 'zod';
import { closest } from '../closest.ts';
import { isMapping } from '../path.ts';
import { SHARD_PATTERN } from '../shard.ts';
import { choice, mapping, named, oneOf, text, type Verdict } from './parts.ts';
import { pathSchema } from './places.ts';
import { acceptSchema, objectLockSchema, storageClassSchema } from './work.ts';

/** The fields that say what a rule selects; exactly one of them stands in it. */
const SELECTORS = ['prefix', 'pattern', 'manifest'] as const;
const EXACTLY_ONE = 'expected exactly one of "prefix", "pattern" and "manifest"';

export const MANIFEST_FORMATS = ['ndjson', 'csv', 'lines'] as const;

const PREFIX = 'the common beginning of the keys, such as users/';

const prefixField = z
  .string({ error: PREFIX })
  .meta({ description: 'Selects the keys that begin with it; "" selects all.' });

// An empty one would quietly leave a whole store behind, most likely by an empty variable; whoever wants that writes it out.
const excludedPrefixField = text(PREFIX, 'Leaves out the keys that begin with it.', {
  test: (value) => value !== '',
  error: 'an empty prefix would leave out the whole store; if that is meant, write pattern: "**"',
  pattern: '.',
});

// Its syntax, the captures that `where` and `shard` name, and the shard itself are checked in checks/selectors.ts.
const patternField = text(
  'a pattern such as users/{country}/**',
  'Selects the keys that match: {name} and * stop at "/", ** does not, ? is one character, \\ escapes.',
);

const whereField = z
  .record(
    z.string(),
    choice(
      (value) => ({ branch: Array.isArray(value) ? 1 : 0 }),
      [
        z.string({ error: 'text, or a list of texts' }),
        z
          .array(z.string({ error: 'text' }))
          .min(1, { error: 'the list is empty and would select nothing; expected at least one value' }),
      ],
    ),
    { error: 'a mapping from the names of captures to a value or a list of values' },
  )
  .meta({ description: 'Captures of the pattern and the values that are selected.' });

const shardField = text(
  'text of the form "hash(user) % 64 in 0..31"',
  'Selects a share of the keys by the hash of a capture.',
).meta({
  pattern: SHARD_PATTERN,
});

const manifestField = choice(
  (value) => ({ branch: isMapping(value) ? 1 : 0 }),
  [
    pathSchema('The file, relative to the plan file.'),
    mapping(
      {
        path: pathSchema('The file, relative to the plan file.'),
        format: oneOf(MANIFEST_FORMATS, 'How the file is written; by default as its name ends.').optional(),
      },
      'A manifest and its format.',
    ),
  ],
).meta({
  description:
    'Selects the keys that a file lists: NDJSON, S3 Inventory CSV, or one a line; gunzipped if it ends in .gz.',
});

/** The three branches of a selector, with the fields that stand beside it; a `from` among them makes it an exclude. */
function selectorOf<S extends z.core.$ZodLooseShape>(beside: S, prefix: z.ZodType<string>, description: string) {
  const patternOnly = {
    where: '"where" goes only with "pattern", whose captures it names',
    shard: '"shard" goes only with "pattern", whose capture it names',
  };
  const others = (own: string) => {
    const rest = SELECTORS.filter((name) => name !== own);
    return Object.fromEntries(rest.map((name) => [name, `"${name}" cannot stand beside "${own}"; ${EXACTLY_ONE}`]));
  };
  const whole = (value: unknown): Verdict => {
    if (!isMapping(value))
      return { expected: `a mapping with ${[...Object.keys(beside), 'one of prefix, pattern, manifest'].join(', ')}` };
    const given = SELECTORS.findIndex((name) => Object.hasOwn(value, name));
    if (given >= 0) return { branch: given };
    const branch = guess(Object.keys(value));
    return { branch, lacking: { field: SELECTORS[branch] ?? '', say: EXACTLY_ONE } };
  };
  return choice(whole, [
    mapping({ ...beside, prefix }, description, { ...others('prefix'), ...patternOnly }),
    mapping(
      { ...beside, pattern: patternField, where: whereField.optional(), shard: shardField.optional() },
      description,
      others('pattern'),
    ),
    mapping({ ...beside, manifest: manifestField }, description, { ...others('manifest'), ...patternOnly }),
  ]).meta({ description });
}

/** Which selector was meant by someone who wrote none of them rightly. */
function guess(names: readonly string[]): number {
  for (const name of names) {
    const meant = closest(name, SELECTORS);
    if (meant !== undefined) return (SELECTORS as readonly string[]).indexOf(meant);
  }
  return names.includes('where') || names.includes('shard') ? 1 : 0;
}

const storeRef = (description: string) => text('the name of a store', description);

export const partitionSchema = mapping(
  {
    name: named('a partition', 'Names the partition in reports and on the command line.'),
    from: storeRef('The legacy store that is read.'),
    select: selectorOf({}, prefixField, 'Which of its objects.'),
    to: storeRef('The centre that they move to.'),
    versions: oneOf(
      ['current', 'all'],
      'Whether older versions and delete markers move too, where the source keeps them; by default current.',
    ).optional(),
    encryption: oneOf(
      ['required'],
      'Each object must be encrypted at rest at its centre; looked at after the write.',
    ).optional(),
    accept: acceptSchema.optional(),
    objectLock: objectLockSchema.optional(),
    storageClass: storageClassSchema.optional(),
  },
  'A rule that selects objects of one legacy store and names their centre.',
);

export const partitionsSchema = z
  .array(partitionSchema, { error: 'a list of partitions' })
  .min(1, { error: 'there is no partition; expected at least one, or nothing would move' })
  .meta({ description: 'Tried in order; the first that selects a key has it.' });

export const excludeSchema = z
  .array(
    selectorOf(
      {
        from: storeRef('The legacy store whose objects stay.'),
        reason: text('the reason why these objects stay', 'Why they stay; it goes into the evidence.', {
          test: (value) => value.trim() !== '',
          error: 'the reason is empty; say why these objects stay where they are',
          pattern: '\\S',
        }),
      },
      excludedPrefixField,
      'Objects that stay where they are, and why.',
    ),
    { error: 'a list of rules with from, reason and one of prefix, pattern, manifest' },
  )
  .default([])
  .meta({ description: 'What is left out on purpose; goes before the partitions.' });
