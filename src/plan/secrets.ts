import { isSecretName } from '../base/secrets.ts';
import { entriesOf, itemsOf, type Path } from './path.ts';
import type { Report } from './report.ts';

/** Mappings whose members are named by the operator: there `token` may be the name of a store or of a capture. */
const NAMED_BY_OPERATOR = new Set(['stores', 'where']);

/** Whether what stands at a path would be a secret itself. */
export function isSecretField(path: Path): boolean {
  const name = path.at(-1);
  return typeof name === 'string' && !NAMED_BY_OPERATOR.has(String(path.at(-2))) && isSecretName(name);
}

/** Whether what stands at a path names an environment variable. */
export function isVariableField(path: Path): boolean {
  const name = path.at(-1);
  return typeof name === 'string' && !NAMED_BY_OPERATOR.has(String(path.at(-2))) && name.endsWith('Env');
}

/** Finds secrets that stand in the plan. No message repeats a value; later checks say nothing more about these fields. */
export function reportSecrets(root: unknown, report: Report): void {
  visit(root, [], (path, value) => {
    if (isSecretField(path)) {
      const instead = variableFor(String(path.at(-1)));
      report.add(path, `a secret cannot stand in a plan; name an environment variable with ${instead}`, 'key');
      report.silence(path);
    } else if (isVariableField(path) && typeof value === 'string' && value.includes('${')) {
      const message = `takes the name of an environment variable, not its value: write the name without "\${" and "}"`;
      report.add(path, `"${path.at(-1)}" ${message}`);
      report.silence(path);
    }
  });
}

function variableFor(name: string): string {
  const plain = name.toLowerCase().replaceAll(/[-_]/g, '');
  if (plain.endsWith('accesskeyid')) return 'accessKeyIdEnv';
  return plain.endsWith('token') ? 'sessionTokenEnv' : 'secretAccessKeyEnv';
}

function visit(value: unknown, path: Path, see: (path: Path, value: unknown) => void): void {
  see(path, value);
  for (const [i, item] of itemsOf(value).entries()) visit(item, [...path, i], see);
  for (const [name, member] of entriesOf(value)) visit(member, [...path, name], see);
}
