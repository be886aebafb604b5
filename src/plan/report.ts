import { safeLine, safeText } from '../base/safe-text.ts';
import { formatPath, type Path } from './path.ts';
import type { PlanProblem } from './types.ts';

/** A place in a file; both count from 1, the column in UTF-16 code units. */
export interface Place {
  readonly line: number;
  readonly column: number;
}

/** Whether a problem is with what stands under a name, or with the name itself. */
export type Spot = 'value' | 'key';

interface Entry {
  readonly value: Place;
  readonly key: Place | undefined;
  readonly expanded: boolean;
}

/** Where everything stands in the plan file. */
export class Places {
  readonly #entries = new Map<string, Entry>();

  note(path: Path, entry: Entry): void {
    this.#entries.set(formatPath(path), entry);
  }

  /** The place of a path, or of the nearest thing around it that the file really has. */
  at(path: Path, spot: Spot = 'value'): Place {
    for (let length = path.length; length >= 0; length -= 1) {
      const entry = this.#entries.get(formatPath(path.slice(0, length)));
      if (entry !== undefined)
        return spot === 'key' && length === path.length ? (entry.key ?? entry.value) : entry.value;
    }
    return { line: 1, column: 1 };
  }

  /** Whether the value at a path came out of a `${VAR}`; then it may be a secret, and no message repeats it. */
  expanded(path: Path): boolean {
    return this.#entries.get(formatPath(path))?.expanded ?? false;
  }
}

/** Collects what is wrong with one plan file, each thing once. */
export class Report {
  readonly #file: string;
  readonly #places: Places;
  readonly #problems: PlanProblem[] = [];
  readonly #silent = new Set<string>();

  constructor(file: string, places: Places) {
    this.#file = file;
    this.#places = places;
  }

  /** Nothing is added for a path that was silenced, or for one inside it. */
  add(path: Path, message: string, spot: Spot = 'value'): void {
    if (this.silenced(path)) return;
    this.addAt(this.#places.at(path, spot), formatPath(path), message);
  }

  addAt(place: Place, where: string, said: string): void {
    // What is wrong may be a name that controls a terminal.
    const [path, message] = [safeLine(where), safeText(said)];
    const same = (other: PlanProblem) => other.path === path && other.message === message && other.line === place.line;
    if (this.#problems.some(same)) return;
    this.#problems.push({ file: this.#file, line: place.line, column: place.column, path, message });
  }

  /** Ends the talk about a path: what was said is enough, and its value means nothing. */
  silence(path: Path): void {
    this.#silent.add(formatPath(path));
  }

  silenced(path: Path): boolean {
    if (this.#silent.size === 0) return false;
    return path.some((_, i) => this.#silent.has(formatPath(path.slice(0, i + 1))));
  }

  /** By line, then column. */
  get problems(): readonly PlanProblem[] {
    return this.#problems.toSorted((a, b) => a.line - b.line || a.column - b.column);
  }
}
