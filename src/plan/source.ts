import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type ParsedNode,
  parseDocument,
  type Scalar,
  type YAMLMap,
  type YAMLSeq,
} from 'yaml';
import { type Environment, expand } from './expand.ts';
import { formatPath, type Path } from './path.ts';
import { type Place, Places, Report } from './report.ts';
import { isSecretField, isVariableField } from './secrets.ts';
import { quote } from './show.ts';
import { syntaxMessage } from './syntax.ts';

/** A plan is written by people; lists of keys belong in a manifest. */
export const MAX_PLAN_BYTES = 4 * 1024 * 1024;
export const TOO_LARGE = 'the plan is larger than 4 MiB; put long lists of keys into a manifest';
const MAX_DEPTH = 64;
/** Nodes that aliases may repeat in all: enough for shared settings, and far too few for a document that explodes. */
const MAX_ALIASED = 10_000;

/** A plan file as plain data, with the place of everything in it. */
export interface Source {
  /** `undefined` where the text could not be read as YAML at all. */
  readonly value: unknown;
  readonly places: Places;
  readonly report: Report;
}

/** What a file is, for its messages. An empty configuration says nothing, and an empty plan is a mistake. */
export type Kind = 'plan' | 'configuration';

/**
 * Reads YAML 1.2 (core schema) or JSON, refuses what a plan must not contain (several documents, unknown tags, duplicate fields,
 * expanding aliases) and expands variables. All problems are in the report.
 *
 * @see https://yaml.org/spec/1.2.2/#103-core-schema
 */
export function readSource(text: string, file: string, env: Environment, kind: Kind = 'plan'): Source {
  const places = new Places();
  const report = new Report(file, places);
  const broken = (message: string): Source => {
    report.addAt({ line: 1, column: 1 }, '', message);
    return { value: undefined, places, report };
  };
  if (Buffer.byteLength(text) > MAX_PLAN_BYTES) {
    return broken(kind === 'plan' ? TOO_LARGE : `the ${kind} is larger than 4 MiB`);
  }
  const tooDeep = `the ${kind} is nested too deeply to be read`;
  if (isDeep(text)) return broken(tooDeep);
  const lines = new LineCounter();
  let document: Document.Parsed;
  try {
    document = parseDocument(text.startsWith('\ufeff') ? text.slice(1) : text, {
      version: '1.2',
      schema: 'core',
      strict: true,
      // Duplicates are found below, where the message can name the first one and is not quadratic.
      uniqueKeys: false,
      // Pretty errors repeat the line, and with it perhaps a secret.
      prettyErrors: false,
      merge: false,
      resolveKnownTags: false,
      // Not 'silent', which would also keep quiet about a second document.
      logLevel: 'error',
      lineCounter: lines,
    });
  } catch (error) {
    if (error instanceof RangeError) return broken(tooDeep);
    throw error;
  }
  const syntax = [...document.errors, ...document.warnings];
  for (const error of syntax) {
    const { line, col } = lines.linePos(error.pos[0]);
    report.addAt({ line, column: col }, '', syntaxMessage(error, kind));
  }
  if (document.directives.yaml.explicit && document.directives.yaml.version !== '1.2') {
    report.addAt({ line: 1, column: 1 }, '', `a ${kind} is YAML 1.2; remove the %YAML directive`);
  }
  if (report.problems.length > 0) return { value: undefined, places, report };
  if (document.contents === null || (isScalar(document.contents) && document.contents.value === null)) {
    if (kind !== 'plan') return { value: {}, places, report };
    return broken('the plan is empty; expected a mapping that starts with "apiVersion: ferry/v1"');
  }
  const reader = new Reader(lines, env, places, report, kind);
  return { value: reader.read(document.contents, [], undefined, 0), places, report };
}

/** Brackets that may be open at once, wherever they stand: in a text or a comment there are fewer too. */
const MAX_OPEN = 1_000;

/** Lists and mappings that begin on one line. */
const ON_ONE_LINE = new RegExp(`(?:[-?:][ \\t]+(?:[^\\s:]{1,40}(?=:[ \\t]))?){${MAX_DEPTH + 1}}`);

/** What is far deeper than any plan takes a parser of YAML half a minute and gigabytes, before it gives up. */
function isDeep(text: string): boolean {
  let open = 0;
  for (let i = 0; i < text.length; i += 1) {
    const c = text[i];
    if (c === '[' || c === '{') open += 1;
    else if ((c === ']' || c === '}') && open > 0) open -= 1;
    if (open > MAX_OPEN) return true;
  }
  return ON_ONE_LINE.test(text);
}

class Reader {
  readonly #lines: LineCounter;
  readonly #env: Environment;
  readonly #places: Places;
  readonly #report: Report;
  readonly #kind: Kind;
  readonly #anchors = new Map<string, ParsedNode>();
  #aliased = 0;
  #inAlias = 0;

  constructor(lines: LineCounter, env: Environment, places: Places, report: Report, kind: Kind) {
    this.#lines = lines;
    this.#env = env;
    this.#places = places;
    this.#report = report;
    this.#kind = kind;
  }

  read(node: ParsedNode | null, path: Path, key: Place | undefined, depth: number): unknown {
    const value = node === null ? (key ?? this.#places.at(path)) : this.#place(node);
    this.#places.note(path, { value, key, expanded: false });
    if (node === null) return null;
    if (depth > MAX_DEPTH)
      return this.#refuse(path, `the ${this.#kind} is nested too deeply, or an alias contains itself`);
    if (this.#inAlias > 0) {
      this.#aliased += 1;
      if (this.#aliased > MAX_ALIASED)
        return this.#refuse(path, 'the aliases repeat too much; write it out, or use a manifest');
    }
    if (isAlias(node)) return this.#alias(node.source, path, key, depth);
    if (node.anchor !== undefined && this.#inAlias === 0) this.#anchors.set(node.anchor, node);
    if (isMap(node)) return this.#mapping(node, path, depth);
    if (isSeq(node)) return this.#list(node, path, depth);
    return this.#scalar(node, path, key);
  }

  #alias(name: string, path: Path, key: Place | undefined, depth: number): unknown {
    const target = this.#anchors.get(name);
    // Not repeated: an unquoted password can begin with "*".
    if (target === undefined)
      return this.#refuse(path, 'this alias has no anchor before it; put text that begins with "*" in quotes');
    const place = this.#places.at(path);
    this.#inAlias += 1;
    const value = this.read(target, path, key, depth + 1);
    this.#inAlias -= 1;
    this.#places.note(path, { value: place, key, expanded: this.#places.expanded(path) });
    return value;
  }

  #mapping(node: YAMLMap.Parsed, path: Path, depth: number): unknown {
    // No prototype, so that a field may have any name.
    const members: Record<string, unknown> = Object.create(null);
    const first = new Map<string, Place>();
    for (const { key, value } of node.items) {
      const place = this.#place(key);
      const name = isScalar(key) ? nameOf(key) : undefined;
      if (name === undefined) {
        this.#report.addAt(place, '', 'expected the name of a field before ":"');
        continue;
      }
      const before = first.get(name);
      if (before !== undefined) {
        this.#report.addAt(
          place,
          formatPath([...path, name]),
          `the field ${quote(name)} stands twice; the first is in line ${before.line}`,
        );
        continue;
      }
      first.set(name, place);
      if (!name.isWellFormed() || name === '__proto__') {
        this.#report.addAt(place, '', 'this cannot be the name of a field');
        continue;
      }
      members[name] = this.read(value, [...path, name], place, depth + 1);
    }
    return members;
  }

  #list(node: YAMLSeq.Parsed, path: Path, depth: number): unknown {
    return node.items.map((item, i) => this.read(item, [...path, i], undefined, depth + 1));
  }

  #scalar(node: Scalar.Parsed, path: Path, key: Place | undefined): unknown {
    const value = node.value as unknown;
    if (typeof value !== 'string') return value;
    if (!value.isWellFormed())
      return this.#refuse(path, 'the text is not well-formed Unicode (half of a surrogate pair)');
    // Never expanded: a secret must not come in, and whoever writes ${VAR} where VAR is wanted is told so.
    if (isSecretField(path) || isVariableField(path)) return value;
    const expansion = expand(value, this.#env);
    for (const problem of expansion.problems) this.#report.add(path, problem);
    if (expansion.problems.length > 0) this.#report.silence(path);
    if (!expansion.text.isWellFormed()) return this.#refuse(path, 'the expanded text is not well-formed Unicode');
    this.#places.note(path, { value: this.#place(node), key, expanded: expansion.expanded });
    return expansion.text;
  }

  #refuse(path: Path, message: string): null {
    // A document that explodes would say the same thousands of times.
    if (this.#aliased <= MAX_ALIASED + 1) this.#report.add(path, message);
    this.#report.silence(path);
    return null;
  }

  #place(node: ParsedNode): Place {
    const { line, col } = this.#lines.linePos(node.range[0]);
    return { line, column: col };
  }
}

/** Names are taken as they are written: `NO:`, `007:` and `true:` are text. */
function nameOf(key: Scalar.Parsed): string | undefined {
  const value = key.value as unknown;
  if (typeof value === 'string') return value;
  return key.source === undefined || key.source === '' ? undefined : key.source;
}
