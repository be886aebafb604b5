import { z } from 'zod';

/*
 * How the schemas of a plan talk to `issues.ts`, which turns their issues into problems:
 * - for a wrong type or a missing field the error is a phrase that says what is expected: "text", "a duration such as 90s";
 * - for a check of a value it is a whole sentence, in which `{value}` stands for the value as far as it may be repeated;
 * - for an unknown field it is `Members` as JSON; for a union it is the tag of its `Choice`.
 * Nothing here transforms: what comes out is the document with its defaults, which is what the digest is made of.
 */

/** What a mapping may hold. */
export interface Members {
  readonly known: readonly string[];
  /** Fields that exist, but not beside these, and what to say then. */
  readonly elsewhere: Readonly<Record<string, string>>;
}

/** A mapping in which every field is known. */
export function mapping<S extends z.core.$ZodLooseShape>(
  shape: S,
  description: string,
  elsewhere: Readonly<Record<string, string>> = {},
) {
  const members: Members = { known: Object.keys(shape), elsewhere };
  return z
    .strictObject(shape, {
      error: (issue) =>
        issue.code === 'unrecognized_keys' ? JSON.stringify(members) : `a mapping with ${members.known.join(', ')}`,
    })
    .meta({ description });
}

/** Text that passes a check, or any text but the empty one. */
export function text(
  expected: string,
  description: string,
  check?: { test: (value: string) => boolean; error: string; pattern?: string },
) {
  const { test, error, pattern } = check ?? {
    test: (value: string) => value !== '',
    error: `expected ${expected}, found empty text`,
  };
  const extra = pattern === undefined ? { minLength: 1 } : { pattern };
  return z
    .string({ error: expected })
    .refine(test, { error })
    .meta({ description, ...extra });
}

export function oneOf<const V extends readonly [string, ...string[]]>(values: V, description: string) {
  return z
    .enum(values, { error: values.length === 1 ? values[0] : `one of ${values.join(', ')}` })
    .meta({ description });
}

/** A whole number, both ends included. */
export function whole(low: number, high: number, description: string) {
  const error = `{value} is out of range; expected a whole number from ${low} to ${high}`;
  return z
    .int({ error: `a whole number from ${low} to ${high}` })
    .min(low, { error })
    .max(high, { error })
    .meta({ description });
}

/** Judges a value that fits no branch of a union. */
export type Choice = (value: unknown) => Verdict;

/**
 * The errors of one branch are told (and where `lacking.field` is missing, `lacking.say` instead), or it is of the wrong type, or a
 * whole sentence says what is wrong.
 */
export type Verdict =
  | { readonly branch: number; readonly lacking?: { readonly field: string; readonly say: string } }
  | { readonly expected: string }
  | { readonly say: string };

const CHOICES = new Map<string, Choice>();

export function choiceOf(tag: string): Choice | undefined {
  return CHOICES.get(tag);
}

/** A union that can tell which of its branches was meant. */
export function choice<const T extends readonly [z.ZodType, ...z.ZodType[]]>(choose: Choice, branches: T) {
  const tag = `choice ${CHOICES.size}`;
  CHOICES.set(tag, choose);
  return z.union(branches, { error: () => tag });
}

/** Names of plans, stores and partitions: they become parts of file names, so nothing that a file system could fold or split. */
export const NAME = /^[a-z0-9][a-z0-9-]{0,62}$/;
export const NAME_RULE = '1 to 63 of a-z, 0-9 and "-", beginning with a letter or digit';

export function named(what: string, description: string) {
  return text(`the name of ${what}`, description, {
    test: (value) => NAME.test(value),
    error: `{value} is no name for ${what}; expected ${NAME_RULE}`,
    pattern: NAME.source,
  });
}

/** Names of people and roles. */
const APPROVER = /^[A-Za-z0-9][A-Za-z0-9@._+-]{0,127}$/;

export const approverName = (description: string) =>
  text('a name such as dpo@example.eu', description, {
    test: (value) => APPROVER.test(value),
    error: '{value} is no name for a person or role; expected letters, digits and "@._+-", such as dpo@example.eu',
    pattern: APPROVER.source,
  });
