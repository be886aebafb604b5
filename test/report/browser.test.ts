import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startChromium } from '../support/chromium.ts';
import { ferry } from '../support/cli.ts';
import { ranPlan } from '../support/report-plan.ts';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** Set to a folder, pictures of the pages are put there. */
const PICTURES = process.env['FERRY_PICTURES'];

interface Violation {
  readonly id: string;
  readonly nodes: readonly { readonly html: string }[];
}

const VIEWS = [
  { name: 'light, wide', width: 1280, colorScheme: 'light' },
  { name: 'dark, wide', width: 1280, colorScheme: 'dark' },
  { name: 'light, narrow', width: 400, colorScheme: 'light' },
] as const;

const chromium: Browser | undefined = await startChromium();

describe.skipIf(chromium === undefined)('the page in a browser', () => {
  beforeAll(() => expect(chromium?.version()).toMatch(/^\d+\./));
  afterAll(async () => await chromium?.close());

  it.each([3, 200])(
    'of %i partitions is accessible and fits, light and dark, wide and narrow',
    async (partitions) => {
      const laid = await ranPlan(partitions);
      const out = join(laid.dir, 'report.html');
      const made = await ferry(['report', laid.plan, '--out', out, '--state', join(laid.dir, 'state')]);
      expect(made).toMatchObject({ code: 0 });
      for (const { name, width, colorScheme } of VIEWS) {
        const context = await chromium?.newContext({ viewport: { width, height: 900 }, colorScheme, bypassCSP: false });
        const page = await context?.newPage();
        if (context === undefined || page === undefined) throw new Error('no browser');
        const complaints: string[] = [];
        page.on('console', (message) => complaints.push(message.text()));
        page.on('pageerror', (error) => complaints.push(String(error)));
        page.on('dialog', async (dialog) => {
          complaints.push(dialog.message());
          await dialog.dismiss();
        });
        const asked: string[] = [];
        page.on('request', (request) => asked.push(request.url()));
        await page.goto(pathToFileURL(out).href);
        await page.evaluate("for (const one of document.querySelectorAll('details')) one.open = true");
        expect(await page.evaluate('document.documentElement.scrollWidth'), name).toBeLessThanOrEqual(width);
        expect(await page.locator('svg:visible').count(), name).toBe(partitions === 3 ? 5 : 8);
        expect(await violations(page), name).toEqual([]);
        expect(complaints, name).toEqual([]);
        expect(asked, name).toEqual([pathToFileURL(out).href]);
        if (PICTURES !== undefined)
          await page.screenshot({ path: join(PICTURES, `report-${partitions}-${name.replace(', ', '-')}.png`) });
        await context.close();
      }
    },
    300_000,
  );
});

/** What WCAG 2.2 (A and AA) and good practice find wrong, by axe-core. */
async function violations(page: Page): Promise<readonly string[]> {
  await page.evaluate(AXE);
  const found = (await page.evaluate('axe.run()')) as { readonly violations: readonly Violation[] };
  return found.violations.map(({ id, nodes }) => `${id}: ${nodes[0]?.html}`);
}
