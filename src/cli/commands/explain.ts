import { FerryError } from '../../base/errors.ts';
import { closest } from '../../plan/closest.ts';
import { KINDS, TOPICS, type Topic } from '../explain/topics.ts';
import type { Io, Verdict } from '../io.ts';
import { table } from '../table.ts';

/** `ferry explain [WORD]`: what a state, an exit code, a rule or a finding means, and what to do; without a word, all that there is. */
export async function explain(word: string | undefined, io: Io): Promise<Verdict> {
  if (word === undefined) {
    io.document({ topics: TOPICS });
    for (const kind of KINDS) {
      const rows = TOPICS.filter((topic) => topic.kind === kind).map(({ word: name, means }) => [name, means]);
      io.print(`${table([kind, 'means'], rows)}\n`);
    }
    io.print('ferry explain WORD tells what to do.');
    return 'done';
  }
  const found = TOPICS.filter((topic) => topic.word.toLowerCase() === word.toLowerCase());
  if (found.length === 0) throw unknown(word);
  io.document({ topics: found });
  io.print(found.map(render).join('\n\n'));
  return 'done';
}

function render({ word, kind, means, why, doesNotCover, next }: Topic): string {
  return [
    `${kind} ${word}: ${means}`,
    ...(why === undefined ? [] : [`  why: ${why}`]),
    ...(doesNotCover === undefined ? [] : [`  does not cover: ${doesNotCover}`]),
    `  what to do: ${next}`,
  ].join('\n');
}

function unknown(word: string): FerryError {
  const meant = closest(
    word,
    TOPICS.map((topic) => topic.word),
  );
  return new FerryError({
    fault: 'usage',
    op: 'explain',
    subject: word,
    why: 'it is no state, exit code, rule or finding',
    hint: meant === undefined ? '`ferry explain` lists all' : `did you mean ${meant}? \`ferry explain\` lists all`,
  });
}
