import type { ErrorCode, YAMLError } from 'yaml';

/**
 * What is wrong with the YAML, in words for an operator. The parser's own messages are not used, since some of them repeat the
 * text that they trip over, which may be a secret.
 */
export function syntaxMessage(error: YAMLError, what: string): string {
  // Only ever compared, never handed on.
  const said = FINER.find(([sign]) => sign.test(error.message))?.[1] ?? MESSAGES[error.code];
  return said.replace('plan', what);
}

const FINER: readonly (readonly [RegExp, string])[] = [
  [/^Missing closing/, 'a closing quote is missing'],
  [/^Missing , /, 'a comma is missing before this, or a ":" after a name'],
  [/^Missing space after :/, 'a space is missing after ":"'],
  [/^Implicit map keys need/, 'expected ":" and a value after this'],
  [
    /must (be sufficiently indented and )?end with a/,
    'a "{" or "[" is not closed before here, or what it holds is not indented',
  ],
];

const INDENT = 'the indentation does not fit; use spaces, the same number for all fields of one mapping';
const PROPS = 'an anchor ("&") or tag ("!") cannot stand here; put text that begins with "&" or "!" in quotes';

const MESSAGES: Readonly<Record<ErrorCode, string>> = {
  ALIAS_PROPS: PROPS,
  BAD_ALIAS: 'an alias ("*") cannot stand here; put text that begins with "*" in quotes',
  BAD_DIRECTIVE: 'a line that begins with "%" is a YAML directive; remove it, or put the text in quotes',
  BAD_DQ_ESCAPE: 'an escape in double quotes is not known; write "\\\\" for a backslash, or use single quotes',
  BAD_INDENT: INDENT,
  BAD_PROP_ORDER: PROPS,
  BAD_SCALAR_START: 'text cannot begin with this character; put it in quotes',
  BLOCK_AS_IMPLICIT_KEY: 'a mapping cannot begin in the middle of a line; if the text contains ": ", put it in quotes',
  BLOCK_IN_FLOW: 'an indented list or text cannot stand inside { } or [ ]',
  DUPLICATE_KEY: 'a field stands twice in one mapping',
  IMPOSSIBLE: 'this is no YAML',
  KEY_OVER_1024_CHARS: 'the name of a field is too long; is a quote or a bracket missing before it?',
  MISSING_CHAR:
    'a character is missing: a closing quote, bracket or brace, a comma, ":" after a name, or a space after ":" or ","',
  MULTILINE_IMPLICIT_KEY: 'expected ":" after the name of a field on the same line',
  MULTIPLE_ANCHORS: PROPS,
  MULTIPLE_DOCS: 'a second document begins here; a plan file holds one',
  MULTIPLE_TAGS: PROPS,
  NON_STRING_KEY: 'the name of a field must be text',
  RESOURCE_EXHAUSTION: 'the plan is nested too deeply to be read',
  TAB_AS_INDENT: 'a tab cannot indent; use spaces',
  TAG_RESOLVE_FAILED:
    'a YAML tag ("!") that a plan does not know, or one that does not fit its value; put text that begins with "!" in quotes',
  UNEXPECTED_TOKEN:
    'something stands here that does not belong; look for a missing quote, comma or bracket in or before this line',
  BAD_COLLECTION_TYPE: 'the YAML tag does not fit what follows it',
};
