import { existsSync } from 'node:fs';
import { type Browser, chromium } from 'playwright-core';

const PLACES = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];

/** A browser without a screen and without a network; `undefined`, and told plainly, where there is none. Under CI there has to be one. */
export async function startChromium(): Promise<Browser | undefined> {
  const executablePath = [process.env['FERRY_CHROMIUM'], ...PLACES].find(
    (place) => place !== undefined && existsSync(place),
  );
  if (executablePath === undefined) {
    if (process.env['CI'] !== undefined)
      throw new Error('the tests of the page need Chromium: apt-get install chromium');
    process.stderr.write('NOT TESTED: the page in a browser, for want of Chromium; install the package chromium\n');
    return undefined;
  }
  const args = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-sync'];
  return await chromium.launch({
    executablePath,
    args: [...args, '--disable-background-networking', '--disable-component-update'],
  });
}
