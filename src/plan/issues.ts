import type { z } from 'zod';
import { isSecretName } from '../base/secrets.ts';
import { closest } from './closest.ts';
import { entriesOf, formatPath, type Path, valueAt } from './path.ts';
import type { Places, Report } from './report.ts';
import { choiceOf, type Members } from './schema/parts.ts';
import { kindOf, quote, show } from './show.ts';

type Issue = z.core.$ZodIssue;

/** One thing that the schema found, with the unions taken apart. */
type Finding =
  | { readonly is: 'sentence'; readonly path: Path; readonly say: string }
  | { readonly is: 'type'; readonly path: Path; readonly expected: string; readonly type: string }
  | { readonly is: 'unknown'; readonly path: Path; readonly keys: readonly string[]; readonly members: Members };

/** Turns what the schema found in `root` into problems with places. */
export function reportIssues(issues: readonly Issue[], root: unknown, places: Places, report: Report): void {
  const findings = issues.flatMap((issue) => findingsOf(issue, [], root));
  const misspelt = new Set<string>();
  for (const finding of findings) {
    if (finding.is === 'unknown')
      for (const meant of reportUnknown(finding, root, report)) misspelt.add(formatPath(meant));
  }
  for (const finding of findings) {
    // A field whose name is misspelt is not missing too.
    if (finding.is === 'unknown' || misspelt.has(formatPath(finding.path))) continue;
    if (finding.is === 'type') reportType(finding, root, report);
    else
      report.add(
        finding.path,
        finding.say.replace('{value}', () => show(valueAt(root, finding.path), finding.path, places)),
      );
  }
}

/**
 * Puts numbers and truth values where the schema wants them and a variable gave their text, as in `concurrency: ${N:-32}`.
 *
 * @returns whether anything was changed, in `root` itself.
 */
export function convertExpanded(issues: readonly Issue[], root: unknown, places: Places): boolean {
  let changed = false;
  for (const finding of issues.flatMap((issue) => findingsOf(issue, [], root))) {
    const name = finding.path.at(-1);
    if (finding.is !== 'type' || name === undefined || !places.expanded(finding.path)) continue;
    const text = valueAt(root, finding.path);
    const parent = valueAt(root, finding.path.slice(0, -1));
    const value = typeof text === 'string' ? convert(text, finding.type) : undefined;
    if (value === undefined || typeof parent !== 'object' || parent === null) continue;
    (parent as Record<string | number, unknown>)[name] = value;
    changed = true;
  }
  return changed;
}

function convert(text: string, type: string): number | boolean | undefined {
  if ((type === 'number' || type === 'int') && /^-?\d{1,15}$/.test(text)) return Number(text);
  return type === 'boolean' && (text === 'true' || text === 'false') ? text === 'true' : undefined;
}

function findingsOf(issue: Issue, base: Path, root: unknown): Finding[] {
  const path = [...base, ...issue.path.map((part) => (typeof part === 'number' ? part : String(part)))];
  if (issue.code === 'unrecognized_keys') {
    return [{ is: 'unknown', path, keys: issue.keys, members: JSON.parse(issue.message) as Members }];
  }
  if (issue.code === 'invalid_union') return unionFindings(issue, path, root);
  if (issue.code === 'invalid_type') return [{ is: 'type', path, expected: issue.message, type: issue.expected }];
  if (issue.code === 'invalid_value') return [valueFinding(path, issue.values.map(String), issue.message, root)];
  return [{ is: 'sentence', path, say: issue.message }];
}

function unionFindings(issue: z.core.$ZodIssueInvalidUnion, path: Path, root: unknown): Finding[] {
  if (issue.discriminator !== undefined && 'options' in issue) {
    const options = (issue.options as readonly unknown[]).map(String);
    return [valueFinding(path, options, `one of ${options.join(', ')}`, root)];
  }
  const verdict = choiceOf(issue.message)?.(valueAt(root, path)) ?? { branch: 0 };
  if ('say' in verdict) return [{ is: 'sentence', path, say: verdict.say }];
  if ('expected' in verdict) return [{ is: 'type', path, expected: verdict.expected, type: 'object' }];
  const findings = (issue.errors[verdict.branch] ?? []).flatMap((inner) => findingsOf(inner, path, root));
  const { lacking } = verdict;
  if (lacking === undefined) return findings;
  const missing = formatPath([...path, lacking.field]);
  return findings.map((found) =>
    formatPath(found.path) === missing ? { is: 'sentence', path: found.path, say: lacking.say } : found,
  );
}

function valueFinding(path: Path, values: readonly string[], expected: string, root: unknown): Finding {
  const value = valueAt(root, path);
  if (typeof value !== 'string') return { is: 'type', path, expected, type: 'string' };
  const meant = values.length === 1 ? undefined : closest(value, values);
  const hint = meant === undefined ? '' : `; did you mean "${meant}"?`;
  return { is: 'sentence', path, say: `{value} is not known here; expected ${expected}${hint}` };
}

/** @returns the paths of the fields that were probably meant. */
function reportUnknown(finding: Finding & { is: 'unknown' }, root: unknown, report: Report): Path[] {
  const present = new Set(entriesOf(valueAt(root, finding.path)).map(([name]) => name));
  const candidates = finding.members.known.filter((name) => !present.has(name));
  const meantPaths: Path[] = [];
  for (const key of finding.keys) {
    const path = [...finding.path, key];
    const elsewhere = Object.hasOwn(finding.members.elsewhere, key) ? finding.members.elsewhere[key] : undefined;
    const meant = closest(key, candidates);
    if (isSecretName(key)) continue;
    if (elsewhere !== undefined) report.add(path, elsewhere, 'key');
    else if (meant === undefined)
      report.add(path, `unknown field ${quote(key)}; expected one of ${finding.members.known.join(', ')}`, 'key');
    else {
      report.add(path, `unknown field ${quote(key)}; did you mean "${meant}"?`, 'key');
      meantPaths.push([...finding.path, meant]);
    }
  }
  return meantPaths;
}

function reportType(finding: Finding & { is: 'type' }, root: unknown, report: Report): void {
  const { path, expected } = finding;
  const value = valueAt(root, path);
  const name = path.at(-1);
  if (value === undefined && typeof name === 'string') {
    // Said of the literal secret already: its name stands for the missing one.
    const parent = entriesOf(valueAt(root, path.slice(0, -1)));
    if (name.endsWith('Env') && parent.some(([other]) => isSecretName(other))) return;
    report.add(path, `"${name}" is missing; expected ${expected}`);
    return;
  }
  const found = finding.type === 'int' && typeof value === 'number' ? 'a fraction' : kindOf(value);
  report.add(path, `expected ${expected}, found ${found}${typeHint(finding, value)}`);
}

function typeHint({ type, expected }: Finding & { is: 'type' }, value: unknown): string {
  // Not for a duration, a country and the like, where quotes alone would mend nothing.
  if (/^(text|the )/.test(expected) && (typeof value === 'number' || typeof value === 'boolean'))
    return '; put it in quotes to make it text';
  if (type === 'boolean' && typeof value === 'string' && /^(yes|no|on|off)$/i.test(value)) {
    return '; yes, no, on and off are text in YAML 1.2';
  }
  if ((type === 'int' || type === 'number') && typeof value === 'string' && /^\d+$/.test(value))
    return '; remove the quotes';
  return '';
}
