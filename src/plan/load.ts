import { createReadStream } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { messageOf } from '../base/errors.ts';
import { checkLimits } from './checks/limits.ts';
import { checkLinks } from './checks/links.ts';
import { checkReferences } from './checks/references.ts';
import { checkSelectors } from './checks/selectors.ts';
import { checkStores } from './checks/stores.ts';
import { checkTransport } from './checks/transport.ts';
import { checkTrust } from './checks/trust.ts';
import type { Environment } from './expand.ts';
import { convertExpanded, reportIssues } from './issues.ts';
import { parsePath } from './path.ts';
import { resolvePlan } from './resolve.ts';
import { planSchema } from './schema/plan.ts';
import { reportSecrets } from './secrets.ts';
import { MAX_PLAN_BYTES, readSource, TOO_LARGE } from './source.ts';
import type { Plan, PlanProblem } from './types.ts';

export type LoadResult =
  | {
      readonly ok: true;
      readonly plan: Plan;
      /** Where something stands in the plan file, by a path such as `stores.hamar.jurisdiction`; what is not in the file, where it would be. */
      locate(path: string): { file: string; line: number; column: number };
    }
  | { readonly ok: false /** By line, then column. */; readonly problems: readonly PlanProblem[] };

/**
 * Reads and checks a plan file. Looks at the file system (whether manifests and certificates are there, which stores lie inside each other), but
 * changes nothing and opens no connection. All problems are found at once; a file that cannot be read is a problem too.
 *
 * @param file as the operator named it; problems name it the same way.
 * @param env for `${VAR}` in the plan.
 */
export async function loadPlan(file: string, env: Environment): Promise<LoadResult> {
  let bytes: Uint8Array;
  try {
    bytes = await readBounded(file);
  } catch (error) {
    return unreadable(file, whyUnreadable(error));
  }
  if (bytes.length > MAX_PLAN_BYTES) return unreadable(file, TOO_LARGE);
  try {
    return parsePlan(new TextDecoder('utf-8', { fatal: true }).decode(bytes), file, env);
  } catch (error) {
    if (error instanceof TypeError && (error as NodeJS.ErrnoException).code === 'ERR_ENCODING_INVALID_ENCODED_DATA') {
      return unreadable(file, 'the plan is not UTF-8 text');
    }
    throw error;
  }
}

/** The same for text that was read already; `file` gives the folder that relative paths start from. */
export function parsePlan(text: string, file: string, env: Environment): LoadResult {
  const { value, places, report } = readSource(text, file, env);
  if (value === undefined) return { ok: false, problems: report.problems };
  const folder = dirname(resolve(file));
  reportSecrets(value, report);
  let result = planSchema.safeParse(value);
  if (!result.success && convertExpanded(result.error.issues, value, places)) result = planSchema.safeParse(value);
  if (!result.success) reportIssues(result.error.issues, value, places, report);
  checkReferences(value, places, report);
  checkStores(value, folder, places, report);
  checkTransport(value, folder, report);
  checkTrust(value, folder, places, report);
  checkLinks(value, places, report);
  checkLimits(value, report);
  checkSelectors(value, folder, report);
  const problems = report.problems;
  if (problems.length > 0 || !result.success) return { ok: false, problems };
  const plan = resolvePlan(result.data, resolve(file), folder);
  return { ok: true, plan, locate: (path) => ({ file, ...places.at(parsePath(path)) }) };
}

/** At most one byte more than a plan may have, so that a wrong file (or an endless one) does not fill the memory. */
async function readBounded(file: string): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of createReadStream(file) as AsyncIterable<Uint8Array>) {
    chunks.push(chunk);
    size += chunk.length;
    if (size > MAX_PLAN_BYTES) break;
  }
  return Buffer.concat(chunks);
}

function unreadable(file: string, message: string): LoadResult {
  return { ok: false, problems: [{ file, line: 1, column: 1, path: '', message }] };
}

function whyUnreadable(error: unknown): string {
  const code = (error as NodeJS.ErrnoException).code;
  if (code === 'ENOENT' || code === 'ENOTDIR') return 'there is no such file; expected a plan in YAML or JSON';
  if (code === 'EISDIR') return 'this is a folder; expected a plan in YAML or JSON';
  if (code === 'EACCES' || code === 'EPERM') return 'the plan cannot be read: permission denied';
  return `the plan cannot be read: ${messageOf(error)}`;
}
