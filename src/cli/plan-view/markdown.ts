import { safeLine } from '../../base/safe-text.ts';
import type { Survey } from '../../migration/survey.ts';
import type { Plan } from '../../plan/types.ts';
import { formatBytes, formatDuration } from '../../plan/units.ts';
import { sizeLines } from './sizes.ts';

interface Found {
  readonly severity: string;
  readonly subject: string;
  readonly message: string;
}

/** A dry run for a pull request, in GitHub's Markdown. Names and keys cannot be taken for markup, links or mentions. */
export function markdownOf(
  plan: Plan,
  found: Survey,
  findings: readonly Found[],
  { digest, seconds }: { readonly digest: string; readonly seconds: number },
): string {
  const rows = found.partitions.map(({ name, from, to, objects, bytes, alreadyThere, conflicts }) => [
    code(name),
    `${code(from)} to ${code(to)}`,
    ...[objects, formatBytes(bytes), alreadyThere, conflicts].map(String),
  ]);
  const { excluded, unassigned, toMove } = found;
  return [
    `### ${code(plan.name)}: dry run`,
    '',
    `${toMove.objects} objects to move, ${formatBytes(toMove.bytes)}, about ${formatDuration(seconds * 1000)}; finish ${code(plan.finish)}, verify ${code(plan.verify)}.`,
    '',
    ...tableOf(2, ['partition', 'way', 'objects', 'bytes', 'already there', 'conflicts'], rows),
    '',
    ...tableOf(
      1,
      ['coverage', 'objects', 'bytes'],
      [
        ['in partitions', String(sum(found, 'objects')), formatBytes(sum(found, 'bytes'))],
        ['unassigned', String(unassigned.objects), formatBytes(unassigned.bytes)],
        ['excluded', String(excluded.objects), formatBytes(excluded.bytes)],
      ],
    ),
    '',
    ...fold('Sizes', ['```text', ...sizeLines(found.partitions), '```']),
    ...fold(
      'Unassigned, some',
      unassigned.sample.map((key) => `- ${code(key)}`),
    ),
    ...fold(
      'Conflicts, some',
      found.partitions.flatMap(({ name, conflictSample }) =>
        conflictSample.map((key) => `- ${code(name)}: ${code(key)}`),
      ),
    ),
    ...(findings.length === 0
      ? ['No findings.']
      : tableOf(
          3,
          ['severity', 'of', 'finding'],
          findings.map(({ severity, subject, message }) => [code(severity), code(subject), code(message)]),
        )),
    '',
    `Digest: ${code(digest)}`,
  ].join('\n');
}

function sum({ partitions }: Survey, name: 'objects' | 'bytes'): number {
  return partitions.reduce((total, partition) => total + partition[name], 0);
}

/** So many columns are text, to the left; the others are numbers. */
function tableOf(texts: number, head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map((_, at) => (at < texts ? '---' : '--:'))), ...rows.map(line)];
}

function fold(title: string, lines: readonly string[]): string[] {
  if (lines.length === 0) return [];
  return [`<details><summary>${title}</summary>`, '', ...lines, '', '</details>', ''];
}

/**
 * Text that is shown as it is. Whatever is no letter and no digit is an entity, so that neither Markdown nor HTML sees it; in `code`
 * GitHub makes no mentions and no links.
 */
export function code(text: string): string {
  const plain = safeLine(text).replace(/[^\p{L}\p{N} ]/gu, (character) => `&#${character.codePointAt(0)};`);
  return `<code>${plain}</code>`;
}
