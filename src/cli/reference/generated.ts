import { makeProgram } from '../program.ts';
import { examplesOf } from './examples.ts';
import { manPage } from './man.ts';
import { referenceMarkdown } from './markdown.ts';
import { modelOf } from './model.ts';

/** The files that are made from the command line, by their paths in the repository, as they have to be. */
export function generatedFiles(): ReadonlyMap<string, string> {
  const commands = modelOf(
    makeProgram(() => undefined),
    examplesOf,
  );
  return new Map([
    ['docs/reference.md', referenceMarkdown(commands)],
    ['docs/man/ferry.1', manPage(commands)],
  ]);
}
