import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { readManifest } from '../../../src/plan/manifest.ts';
import { changed, changes } from '../mutate.ts';
import { tame } from '../tame.ts';
import type { Target } from '../target.ts';

const TEXTS = {
  lines: 'users/a\nusers/b b\r\n\nusers/ü\n',
  ndjson: '"users/a"\n{"key":"users/b","size":3}\n\n{"key":"\\u00fc"}\n',
  csv: 'bucket,users/a\n"bucket","users/b%20c","3"\nbucket,users/%C3%BC+d,"x ""y"""\n',
} as const;

type Format = keyof typeof TEXTS;

/** A manifest of any bytes, also in a damaged gzip. */
export const manifest: Target = {
  name: 'manifest',
  runs: 1_500,
  begin: (dir) => {
    const formats = fc.constantFrom<Format>('lines', 'ndjson', 'csv');
    const property = fc.asyncProperty(
      formats,
      fc.boolean(),
      changes,
      fc.boolean(),
      async (format, zipped, all, late) => {
        const path = join(dir, zipped ? 'keys.gz' : 'keys');
        const text = Buffer.from(TEXTS[format]);
        // Damage before or after it was compressed.
        const damaged = zipped && late ? changed(gzipSync(text), all) : changed(text, all);
        writeFileSync(path, zipped && !late ? gzipSync(damaged) : damaged);
        await tame(async () => {
          for await (const key of readManifest({ path, format, bucket: { name: 'bucket', prefix: 'users/' } }))
            if (key === '' || !key.isWellFormed()) throw new Error(`no key: ${JSON.stringify(key)}`);
        });
      },
    );
    return { property };
  },
};
