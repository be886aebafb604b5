import { writeFileSync } from 'node:fs';
import { planJsonSchemaText } from './json-schema.ts';

// Run by `node src/plan/write-schema.ts` after a change of the schema; a test compares the file with what this would write.
writeFileSync(new URL('../../plans/plan.schema.json', import.meta.url), planJsonSchemaText());
