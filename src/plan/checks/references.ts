import { closest } from '../closest.ts';
import { entriesOf, itemsOf, type Path, valueAt } from '../path.ts';
import type { Places, Report } from '../report.ts';
import { quote } from '../show.ts';

interface Reference {
  readonly path: Path;
  readonly store: string;
  readonly role: 'source' | 'centre' | 'control';
}

/** Names of partitions, and who names which store. Works on the document as it stands, so that it can speak beside other errors. */
export function checkReferences(root: unknown, places: Places, report: Report): void {
  checkPartitionNames(root, places, report);
  const stores = entriesOf(valueAt(root, ['stores'])).map(([name]) => name);
  const references = referencesOf(root);
  const named = new Set(references.map((reference) => reference.store));
  for (const { path, store } of references) {
    // Without any store it is the stores that are wrong, not who names them.
    if (stores.length === 0 || stores.includes(store)) continue;
    const meant = closest(store, stores);
    // Whoever is meant by a slip is not unused.
    if (meant !== undefined) named.add(meant);
    const hint =
      meant === undefined ? `; the stores are ${stores.map(quote).join(', ')}` : `; did you mean "${meant}"?`;
    const name = places.expanded(path) ? 'unknown' : quote(store);
    // What came out of a variable, or is long and odd, is not repeated.
    report.add(path, `there is no store ${name.startsWith('"') ? name : 'of this name'}${hint}`);
  }
  checkRoles(root, references, places, report);
  checkControl(references, places, report);
  // A reference that is missing or could not be expanded may name any of them.
  const partitions = itemsOf(valueAt(root, ['partitions'])).length;
  const excludes = itemsOf(valueAt(root, ['exclude'])).length;
  const controls = valueAt(root, ['control']) === undefined ? 0 : 1;
  const complete = partitions > 0 && references.length === 2 * partitions + excludes + controls;
  if (!complete || references.some(({ path }) => report.silenced(path))) return;
  for (const store of stores) {
    if (!named.has(store))
      report.add(
        ['stores', store],
        `no partition and no exclude names the store ${quote(store)}; use it or remove it`,
        'key',
      );
  }
}

function checkPartitionNames(root: unknown, places: Places, report: Report): void {
  const first = new Map<string, Path>();
  for (const [i, partition] of itemsOf(valueAt(root, ['partitions'])).entries()) {
    const name = valueAt(partition, ['name']);
    if (typeof name !== 'string') continue;
    const path = ['partitions', i, 'name'];
    const before = first.get(name);
    if (before === undefined) first.set(name, path);
    else
      report.add(path, `two partitions have the name ${quote(name)}; the first is in line ${places.at(before).line}`);
  }
}

function referencesOf(root: unknown): Reference[] {
  const references: Reference[] = [];
  const note = (path: Path, role: Reference['role']) => {
    const store = valueAt(root, path);
    if (typeof store === 'string') references.push({ path, store, role });
  };
  for (const i of itemsOf(valueAt(root, ['partitions'])).keys()) {
    note(['partitions', i, 'from'], 'source');
    note(['partitions', i, 'to'], 'centre');
  }
  for (const i of itemsOf(valueAt(root, ['exclude'])).keys()) note(['exclude', i, 'from'], 'source');
  note(['control'], 'control');
  return references;
}

/** A store is either emptied or filled: a centre that is a source as well would be tombstoned behind its own copies. */
function checkRoles(root: unknown, references: readonly Reference[], places: Places, report: Report): void {
  for (const { path, store, role } of references) {
    if (role !== 'centre' || report.silenced(path)) continue;
    if (valueAt(root, [...path.slice(0, -1), 'from']) === store) {
      report.add(
        path,
        `the partition goes from the store ${quote(store)} to itself; expected another store as its centre`,
      );
      continue;
    }
    const source = references.find((other) => other.role === 'source' && other.store === store);
    if (source === undefined) continue;
    const line = places.at(source.path).line;
    report.add(
      path,
      `the store ${quote(store)} is read from in line ${line} and cannot be a centre as well; use two stores or two plans`,
    );
  }
}

/** Workers put what they know of objects there: among user data it would become an object itself. */
function checkControl(references: readonly Reference[], places: Places, report: Report): void {
  const control = references.find(({ role }) => role === 'control');
  if (control === undefined || report.silenced(control.path)) return;
  const other = references.find(({ role, store }) => role !== 'control' && store === control.store);
  if (other === undefined) return;
  const line = places.at(other.path).line;
  report.add(
    control.path,
    `the store ${quote(control.store)} has user data, by line ${line}, and cannot be the control store as well; name another one`,
  );
}
