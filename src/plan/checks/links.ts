import { entriesOf, itemsOf, type Path, valueAt } from '../path.ts';
import type { Places, Report } from '../report.ts';
import { quote } from '../show.ts';

/**
 * Where links may be followed. A file and the links to it are then objects of the same bytes, each of which goes at its own pace: a
 * tombstone in the file's place would change the others before they are copied or proven. And a link at a centre could pass for a copy.
 */
export function checkLinks(root: unknown, places: Places, report: Report): void {
  const finish: Path = ['finish'];
  for (const [name, store] of entriesOf(valueAt(root, ['stores']))) {
    const path = ['stores', name, 'links'];
    if (valueAt(store, ['type']) !== 'file' || valueAt(store, ['links']) !== 'follow' || report.silenced(path))
      continue;
    if (isCentre(root, name)) {
      report.add(
        path,
        `links cannot be followed at a centre such as ${quote(name)}; expected "record" or "refuse" there`,
      );
    } else if (valueAt(root, finish) === 'tombstoned') {
      const { line } = places.at(finish);
      report.add(
        path,
        `"links: follow" cannot go with "finish: tombstoned" of line ${line}, since a tombstone of a file would change every link to it; expected "record" or "refuse" here, or "finish: verified"`,
      );
    }
  }
}

function isCentre(root: unknown, name: string): boolean {
  return itemsOf(valueAt(root, ['partitions'])).some((partition) => valueAt(partition, ['to']) === name);
}
