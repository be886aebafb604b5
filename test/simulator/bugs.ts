/** One text in the sources and what it becomes. */
export interface Edit {
  /** Below `src/`. */
  readonly file: string;
  readonly from: string;
  readonly to: string;
}

export interface Bug {
  readonly name: string;
  readonly edits: readonly Edit[];
}

const bug = (name: string, file: string, from: string, to: string): Bug => ({ name, edits: [{ file, from, to }] });

/** Faults that the simulation has to find when they are planted. Each text has exactly one place in the sources. */
export const BUGS: readonly Bug[] = [
  bug(
    'no look at the centre before the marker',
    'migration/tombstone.ts',
    'if (!isVerifiedCopy(row, copyNow)) {',
    'if (!copyNow && false) {',
  ),
  bug(
    'marker put without a condition',
    'migration/tombstone.ts',
    '...(intent.withoutCas === true ? { unconditional: true } : {}),',
    'unconditional: true,',
  ),
  bug(
    'size trusted instead of the digest',
    'migration/verify.ts',
    'if (there.sha256 === row.sha256 && there.size === row.size)',
    'if (there.size === row.size)',
  ),
  bug('intent not written', 'engine/local.ts', 'await this.#work.ledger.note(row, { intent: meant });', ''),
  bug(
    'step begun before its state is on disk',
    'ledger/writer.ts',
    'this.#pending.push({ change, resolve, reject });',
    'this.#pending.push({ change, resolve, reject }); resolve();',
  ),
  {
    name: 'purge within the hold',
    edits: [
      { file: 'engine/purge.ts', from: ' && context.clock.now() >= holdEnd(row.tombstone)', to: '' },
      { file: 'migration/purge.ts', from: 'if (intent.at < holdEnd(tombstone))', to: 'if (holdEnd(tombstone) < 0)' },
    ],
  },
  bug(
    'purge without a look at the copy',
    'migration/purge.ts',
    'if (gone !== undefined) return {',
    'if (gone === null) return {',
  ),
  bug(
    'restore over a newer write',
    'migration/restore.ts',
    'if (here !== undefined && !(await isTombstone(',
    'if (here === null && !(await isTombstone(',
  ),
  bug(
    'centre overwritten',
    'migration/copy.ts',
    'const bytes = await collect(reader.body);',
    'const bytes = await collect(reader.body); const there = await centre.head(row.key); if (there) await centre.remove(row.key, there.revision);',
  ),
  bug(
    'attributes ignored',
    'migration/tombstone.ts',
    'if (here !== undefined && !sameAttributes(row.attributes, here.attributes, context.clock.now())) {',
    'if (here === null && !sameAttributes(row.attributes, here.attributes, context.clock.now())) {',
  ),
  bug(
    'late writes not looked for',
    'engine/migrate.ts',
    'await takeBackLate(work, fresh);',
    'void takeBackLate; void fresh;',
  ),
  bug('marker over whatever version', 'migration/covering.ts', ': below?.version === bound.version;', ': true;'),
  bug(
    'covered version not looked at',
    'migration/tombstone.ts',
    'if (tellsCovered(source)) {\n    const covering = await judgeCovering(context, row, intent, intent, head.version);',
    'if (head === null && tellsCovered(source)) {\n    const covering = await judgeCovering(context, row, intent, intent, head.version);',
  ),
  bug(
    'marker of a killed run not known again',
    'migration/earlier-marker.ts',
    'if (read === undefined) return undefined;',
    'if (read !== null) return undefined;',
  ),
  bug(
    'whatever is there taken for what was read',
    'migration/tombstone.ts',
    ': here && (await unchangedRevision(context, source, row, here.revision));',
    ': here?.revision;',
  ),
  bug(
    'a changed source of the same size taken for unchanged',
    'migration/tombstone.ts',
    'return same ? head.revision : undefined;',
    'return same || head.size === row.size ? head.revision : undefined;',
  ),
  bug(
    'tombstone taken back over a newer write',
    'migration/late-writes.ts',
    'const isFree = here === undefined || isBack ||',
    'const isFree = here !== null || isBack ||',
  ),
  bug(
    'purge of what was written over a marker',
    'migration/purge.ts',
    'if (!isOurs) return writtenAgain();',
    'void isOurs;',
  ),
  bug(
    'older versions purged that nobody copied',
    'migration/purge-history.ts',
    'if (uncopied > 0) {',
    'if (uncopied < 0) {',
  ),
  bug(
    'marker left over a write that came between',
    'migration/covering.ts',
    'for (const { state } of own) await versions.remove(row.key, state.version, { signal });',
    '',
  ),
];
