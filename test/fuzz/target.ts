import type fc from 'fast-check';

/** Something that reads what others wrote. */
export interface Target {
  readonly name: string;
  /** Tries of the short run, which is the same each time. */
  readonly runs: number;
  /** Makes what all tries share. @param dir a folder of its own. */
  begin(dir: string): Promise<Trial> | Trial;
}

export interface Trial {
  /** Breaks where something is not taken as `tame` says. */
  // biome-ignore lint/suspicious/noExplicitAny: properties of different inputs stand in one list.
  readonly property: fc.IAsyncPropertyWithHooks<any>;
  /** Inputs that were found once, or are thought of: tried first. */
  readonly examples?: readonly (readonly unknown[])[];
  end?(): Promise<void> | void;
}
