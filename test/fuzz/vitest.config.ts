import { defineConfig } from 'vitest/config';

/** For `npm run fuzz`: without the servers that other tests need. */
export default defineConfig({ test: { include: ['test/fuzz/fuzz.test.ts'], maxWorkers: 1 } });
