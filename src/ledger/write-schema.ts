import { writeFileSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { dumpSchema, migrate } from './schema.ts';

/** Rewrites the committed dump `schema.sql` from the migrations: `npm run generate`. */
const db = new DatabaseSync(':memory:');
migrate(db, ':memory:');
writeFileSync(new URL('./schema.sql', import.meta.url), dumpSchema(db));
