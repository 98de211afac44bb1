// Run a scenario in Chromium: node drive.mjs SCENARIO < ARGUMENTS.json
//
// The default export of the scenario is an asynchronous function of the page, the arguments and the browser's context.
// Its result is printed as JSON; an error is printed to standard error. So are the messages of the page's console.
import { text } from 'node:stream/consumers';
import { pathToFileURL } from 'node:url';
import { setTimeout } from 'node:timers/promises';
import { chromium } from 'playwright-core';

const PATIENCE = 60_000; // milliseconds for a scenario

const { default: scenario } = await import(pathToFileURL(process.argv[2]));
const { executable, ...given } = JSON.parse(await text(process.stdin));
const browser = await chromium.launch({
  executablePath: executable,
  chromiumSandbox: false, // it does not work for root, who runs the tests in containers
  args: ['--no-proxy-server', '--disable-dev-shm-usage'],
});
try {
  const context = await browser.newContext({ acceptDownloads: true });
  context.setDefaultTimeout(30_000);
  const page = await context.newPage();
  page.on('console', (message) => console.error(`console: ${message.text()}`));
  page.on('pageerror', (error) => console.error(`error of the page: ${error.stack}`));
  const late = setTimeout(PATIENCE, null, { ref: false }).then(() => {
    throw new Error('the scenario does not end');
  });
  const result = await Promise.race([scenario(page, given, context), late]);
  process.stdout.write(JSON.stringify(result ?? null));
} finally {
  await browser.close();
}
