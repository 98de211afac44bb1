// Scenarios of the page of `streamdicom browse`: { scene, url, ... }
import { appendFile, readFile, rm } from 'node:fs/promises';

const axe = await readFile(new URL('node_modules/axe-core/axe.min.js', import.meta.url), 'utf8');

const text = (page, selector) => page.locator(selector).first().textContent();
const chosen = '#grid .row.chosen:not(.pending)';
const numberOf = async (page) => Number((await text(page, `${chosen} .number`)).replaceAll(',', ''));

/** Open the page, and wait for rows, if there are any. */
async function open(page, url, first = '#grid .row:not(.pending)') {
  page.faults = [];
  page.thrown = [];
  page.on('pageerror', (error) => page.faults.push(error.message) && page.thrown.push(error.message));
  page.on('console', (message) => message.type() === 'error' && page.faults.push(message.text()));
  await page.goto(url);
  await page.waitForSelector(first, { state: 'attached' });
}

const isIndexed = (page) => page.waitForFunction(() => document.getElementById('progress').hidden);

/** Go to a place, and wait for its data set. */
async function jump(page, place) {
  await page.fill('#jump', String(place));
  await page.press('#jump', 'Enter');
  const number = Number(/^#?(\d+)/.exec(String(place))[1]);
  const label = `#${new Intl.NumberFormat('en').format(number)} `;
  await page.waitForFunction((start) => document.querySelector('#dataset .where').textContent.startsWith(start), label);
}

const scenes = {
  async start(page, { url }) {
    await open(page, url);
    await isIndexed(page);
    const cells = await page.locator('#grid .row').first().locator('.cell').allTextContents();
    await page.waitForSelector('#tree .row');
    return { address: page.url(), title: await page.title(), status: await text(page, '#status'), cells, faults: page.faults };
  },

  async far(page, { url, count }) {
    await open(page, url);
    await isIndexed(page);
    await page.focus('#grid');
    await page.keyboard.press('End');
    await page.waitForFunction((last) => document.querySelector('#grid .row.chosen:not(.pending) .number')?.textContent === last, new Intl.NumberFormat('en').format(count - 1));
    const last = await page.locator(`${chosen} .cell`).nth(1).textContent();
    await page.evaluate(() => (document.getElementById('grid').scrollTop /= 2)); // as the scroll bar does
    await page.waitForFunction((most) => document.querySelector('#grid .row')?.dataset.index < most && !document.querySelector('#grid .row.pending'), 0.9 * count);
    const middle = Number((await text(page, '#grid .row .number')).replaceAll(',', ''));
    const cell = await page.locator('#grid .row').first().locator('.cell').nth(1).textContent();
    const before = await page.evaluate(topmost);
    await page.evaluate(() => (document.getElementById('grid').scrollTop += 48)); // as a wheel does
    await page.waitForTimeout(400);
    const after = await page.evaluate(topmost);
    const rows = await page.locator('#grid .row').count();
    return { last, middle, cell, moved: after - before, rows, faults: page.faults };
  },

  async search(page, { url }) {
    await open(page, url);
    await isIndexed(page);
    await page.keyboard.press('/');
    await page.keyboard.type('Modality=CT p0003');
    await page.keyboard.press('Enter');
    await page.waitForFunction(() => document.querySelector('.found').textContent === '1 found');
    await page.waitForSelector('#grid .row:not(.pending)'); // a frame later
    const found = await page.locator('#grid .row .number').allTextContents();
    await page.click('#search-clear');
    await page.waitForFunction(() => document.querySelectorAll('#grid .row').length > 5);
    await page.getByRole('button', { name: 'Modality', exact: true }).click();
    await page.waitForSelector('dialog table');
    const top = await page.locator('dialog tbody tr').first().locator('td').allTextContents();
    await page.getByRole('button', { name: 'Descending' }).click();
    await page.waitForFunction(() => document.querySelector('.found').textContent.startsWith('ordered'));
    await page.waitForFunction(() => document.querySelector('#grid .row:not(.pending) .cell'));
    const first = await text(page, '#grid .row .number');
    return { found, top, first, faults: page.faults };
  },

  async cancel(page, { url }) {
    await open(page, url);
    await isIndexed(page);
    await page.fill('#search', '17.5'); // a number, for which each data set is parsed
    await page.press('#search', 'Enter');
    await page.waitForFunction(() => /searched/.test(document.querySelector('.found').textContent));
    await page.keyboard.press('Escape');
    await page.waitForFunction(() => /stopped/.test(document.querySelector('.found').textContent));
    const note = await text(page, '.found');
    await page.click('#search-clear');
    await page.waitForSelector('#grid .row:not(.pending)');
    return { note, isRunning: await page.isVisible('#search-stop'), faults: page.faults };
  },

  async fold(page, { url }, context) {
    await context.grantPermissions(['clipboard-read', 'clipboard-write']);
    await open(page, url);
    await page.waitForSelector('#tree .row');
    await page.keyboard.press('t');
    const rows = () => page.locator('#tree .row').allTextContents();
    const folded = (await rows()).length;
    while (!(await text(page, '#tree .row.chosen').catch(() => '')).includes('ReferencedImageSequence')) await page.keyboard.press('ArrowDown');
    await page.keyboard.press('ArrowRight');
    await page.waitForFunction((count) => document.querySelectorAll('#tree .row').length === count + 2, folded);
    await page.keyboard.press('*');
    await page.waitForFunction((count) => document.querySelectorAll('#tree .row').length === count + 6, folded);
    await page.keyboard.press('ArrowLeft');
    await page.waitForFunction((count) => document.querySelectorAll('#tree .row').length === count, folded);
    const number = await numberOf(page);
    await jump(page, `${number}/00081140[1].00081155`);
    await page.waitForFunction(() => /ReferencedSOPInstanceUID/.test(document.querySelector('#detail h2')?.textContent || ''));
    await page.waitForFunction(() => document.querySelector('#detail pre.raw').textContent.startsWith('"00081155"'));
    const copied = {};
    for (const name of ['link', 'JSON', 'keywords', 'pydicom']) {
      await page.getByRole('button', { name: `Copy ${name}` }).click();
      await page.waitForFunction(() => /Copied/.test(document.querySelector('.toast')?.textContent || ''));
      await page.waitForTimeout(50);
      copied[name] = await page.evaluate(() => navigator.clipboard.readText());
    }
    const path = new URL(page.url()).hash;
    const other = await context.newPage(); // which has no token, and asks the first page
    await other.goto(`${new URL(page.url()).origin}/${path}`);
    await other.waitForFunction(() => /ReferencedSOPInstanceUID/.test(document.querySelector('#detail h2')?.textContent || ''));
    return { path, copied, value: await other.locator('#tree .row.chosen .value').textContent(), faults: page.faults };
  },

  async stranger(page, { url }) {
    const seen = [];
    for (const address of [new URL(url).origin, `${new URL(url).origin}/#token=${'x'.repeat(43)}`]) {
      await page.goto('about:blank');
      await page.goto(address);
      await page.waitForSelector('#banner:not([hidden])');
      seen.push({ banner: await text(page, '#banner p'), rows: await page.locator('#grid .row').count() });
    }
    return { seen };
  },

  async odd(page, { url }) {
    await open(page, `${url}&0/00081140[0]`, '#progress[hidden]');
    await isIndexed(page);
    for (const hash of ['#%', '#0/zz', '#0/0008', '#99', '#0?compare=99', '#0/00081140[7].00081155', '#0/00081140[0]']) {
      await page.evaluate((one) => (location.hash = one), hash);
      await page.waitForTimeout(150);
    }
    for (const key of ['l', 'j', 'End', 'Enter', ' ', 'd', 't', 'ArrowRight', '*', 'ArrowLeft', ']', '[', '?', 'Escape', 'e', 'Escape']) {
      await page.keyboard.press(key);
      await page.waitForTimeout(50);
    }
    if (await page.isVisible('#problems')) {
      await page.click('#problems');
      await page.waitForSelector('dialog li');
    }
    const foreign = await page.locator('img, iframe, object, embed, dialog b, main b, body script').count();
    return { status: await text(page, '#status'), problems: await page.locator('dialog li').allTextContents(), foreign, hacked: await page.evaluate(() => globalThis.hacked ?? null), pageErrors: page.thrown };
  },

  async two(page, { url, count }, context) {
    await open(page, url);
    await isIndexed(page);
    const other = await context.newPage();
    await open(other, `${new URL(url).origin}/#5`);
    await page.fill('#search', '17.5'); // a number, for which each data set is parsed
    await page.press('#search', 'Enter');
    await page.waitForFunction(() => /searched/.test(document.querySelector('.found').textContent));
    await jump(other, count - 3);
    const value = await other.locator(`${chosen} .cell`).nth(1).textContent();
    const isSearching = await page.isVisible('#search-stop');
    await page.keyboard.press('Escape');
    await page.waitForFunction(() => /stopped/.test(document.querySelector('.found').textContent));
    return { value, isSearching, others: await text(other, '#status'), shown: await text(page, '#dataset .where'), faults: [...page.faults, ...other.faults] };
  },

  async compare(page, { url }) {
    await open(page, url);
    await page.focus('#grid');
    await page.keyboard.press('Space');
    for (let step = 0; step < 3; step++) await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Space');
    await page.keyboard.press('d');
    await page.waitForSelector('#differences .row[aria-rowindex="2"]');
    const rows = await page.locator('#differences .row .name').allTextContents();
    return { rows, hash: new URL(page.url()).hash, summary: await text(page, '.summary'), faults: page.faults };
  },

  async same(page, { url }) {
    await open(page, url);
    await isIndexed(page);
    await jump(page, 2);
    await page.keyboard.press('Escape');
    await page.keyboard.press('d');
    await page.waitForSelector('#differences .row[aria-rowindex="2"]');
    const rows = await page.locator('#differences .row .side').allTextContents();
    return { hash: new URL(page.url()).hash, rows, faults: page.faults };
  },

  async hostile(page, { url }) {
    await open(page, url);
    await page.waitForSelector('#tree .row');
    await page.keyboard.press('t');
    for (let step = 0; step < 12; step++) await page.keyboard.press('ArrowDown');
    await page.waitForSelector('#detail pre.raw');
    for (const tab of ['json', 'deviations']) {
      await page.click(`#tab-${tab}`);
      await page.waitForTimeout(200);
    }
    await page.locator('#grid').getByRole('button', { name: 'PatientName', exact: true }).click();
    await page.waitForSelector('dialog table');
    const foreign = await page.locator('img, iframe, object, embed, form[action], main b, dialog b, body script').count();
    const hacked = await page.evaluate(() => globalThis.hacked ?? null);
    const cell = await page.locator('#grid .row').first().locator('.cell').first().textContent();
    return { cell, foreign, hacked, faults: page.faults };
  },

  async accessible(page, { url }, context) {
    await open(page, url);
    await page.waitForSelector('#tree .row');
    const found = [];
    const check = async (place) => {
      const { violations } = await page.evaluate(async (source) => {
        if (!globalThis.axe) (0, eval)(source);
        return globalThis.axe.run(document, { resultTypes: ['violations'] });
      }, axe).catch(async () => {
        await page.evaluate(axe);
        return page.evaluate(() => globalThis.axe.run(document, { resultTypes: ['violations'] }));
      });
      for (const { id, nodes } of violations) found.push(`${place}: ${id}: ${nodes.slice(0, 2).map((node) => node.html.slice(0, 160)).join(' | ')}`);
    };
    for (const colorScheme of ['light', 'dark']) {
      await page.emulateMedia({ colorScheme });
      await check(`${colorScheme} start`);
      await page.keyboard.press('t');
      await page.keyboard.press('ArrowDown');
      await page.waitForSelector('#detail h2');
      await check(`${colorScheme} element`);
      for (const tab of ['json', 'deviations']) {
        await page.click(`#tab-${tab}`);
        await page.waitForTimeout(200);
        await check(`${colorScheme} ${tab}`);
      }
      await page.keyboard.press('?');
      await check(`${colorScheme} keys`);
      await page.keyboard.press('Escape');
      await page.click('#export');
      await check(`${colorScheme} export`);
      await page.keyboard.press('Escape');
      await page.getByRole('button', { name: 'Modality', exact: true }).click();
      await page.waitForSelector('dialog table');
      await check(`${colorScheme} statistics`);
      await page.keyboard.press('Escape');
      await page.click('#tab-elements');
    }
    return { found };
  },

  async keyboard(page, { url }) {
    await open(page, url);
    await page.keyboard.press('l');
    for (let step = 0; step < 4; step++) await page.keyboard.press('j');
    await page.keyboard.press('k');
    const number = await numberOf(page);
    await page.waitForFunction((label) => document.querySelector('#dataset .where').textContent.startsWith(label), `#${number} `);
    await page.keyboard.press('Enter');
    const focus = await page.evaluate(() => document.activeElement.id);
    await page.keyboard.press(']');
    await page.waitForFunction((label) => document.querySelector('#dataset .where').textContent.startsWith(label), `#${number + 1} `);
    await page.keyboard.press('g');
    await page.keyboard.type('7');
    await page.keyboard.press('Enter');
    await page.waitForFunction(() => document.querySelector('#dataset .where').textContent.startsWith('#7 '));
    await page.keyboard.press('Escape');
    await page.keyboard.press('c');
    await page.waitForSelector('dialog textarea');
    await page.keyboard.press('Control+a');
    await page.keyboard.type('PatientID source');
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    await page.waitForSelector('dialog', { state: 'detached' });
    await page.waitForSelector('#grid .row:not(.pending)');
    const heads = await page.locator('#grid [role=columnheader]').allTextContents();
    const stops = [];
    await page.evaluate(() => document.activeElement.blur());
    for (let step = 0; step < 30; step++) {
      await page.keyboard.press('Tab');
      stops.push(await page.evaluate(() => document.activeElement.id));
    }
    return { number, focus, heads, stops, faults: page.faults };
  },

  async changed(page, { url, source }) {
    await open(page, url);
    await isIndexed(page);
    await appendFile(source, ' ');
    await page.focus('#grid');
    await page.keyboard.press('ArrowDown');
    await page.waitForSelector('#banner:not([hidden])');
    const changed = await text(page, '#banner p');
    await page.getByRole('button', { name: 'Open again' }).click();
    await page.waitForSelector('#banner', { state: 'hidden' });
    await page.waitForSelector('#tree .row');
    const status = await text(page, '#status');
    await rm(source);
    await page.focus('#grid');
    await page.keyboard.press('ArrowDown');
    await page.waitForSelector('#banner:not([hidden])');
    const gone = await text(page, '#banner p');
    await page.getByRole('button', { name: 'Open again' }).click();
    await page.waitForFunction((before) => document.querySelector('#banner p').textContent !== before, gone);
    return { changed, status, gone, again: await text(page, '#banner p'), thrown: page.thrown };
  },

  async picture(page, { url }) {
    await open(page, url);
    await page.waitForSelector('#tab-image:not([hidden])');
    await page.click('#tab-image');
    await page.waitForFunction(() => document.querySelector('canvas')?.width === 128);
    const pixels = await page.evaluate(() => [...document.querySelector('canvas').getContext('2d').getImageData(0, 0, 128, 128).data]);
    await page.keyboard.press('l');
    await page.keyboard.press('ArrowDown');
    await page.waitForSelector('#tab-waveform:not([hidden])');
    await page.click('#tab-waveform');
    await page.waitForSelector('canvas.curve');
    const labels = await page.locator('figcaption').allTextContents();
    return { pixels: pixels.filter((_, place) => place % 4 === 0), labels, faults: page.faults };
  },

  async tabs(page, { url }) {
    await open(page, url);
    await page.waitForSelector('#tree .row');
    return { tabs: await page.locator('[role=tab]:visible').allTextContents(), faults: page.faults };
  },

  async export(page, { url }) {
    await open(page, url);
    await page.click('#export');
    const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: 'Download' }).click()]);
    return { name: download.suggestedFilename(), text: await readFile(await download.path(), 'utf8') };
  },

  async logic(page, { url }) {
    await open(page, url);
    return page.evaluate(async () => {
      const [{ parseHash, formatHash, stepsOf, parentOf, ancestorsOf, keywordPath, pydicomCode }, { parseQuery, Numbers }, { hexDump, indented }, { size, make }] =
        await Promise.all(['address', 'search', 'dataset', 'dom'].map((name) => import(`/${name}.js`)));
      const keywordOf = (tag) => ({ '00081140': 'ReferencedImageSequence', '00081155': 'ReferencedSOPInstanceUID' })[tag] || '';
      const numbers = new Numbers();
      for (let block = 0; block < 50; block++) numbers.append(Array.from({ length: 100 }, (_, place) => 100 * block + place));
      return {
        hash: [parseHash('#17/00081140[0]'), parseHash('#17?compare=20'), parseHash('#17%2F00081140%5B0%5D'), parseHash('#x'), parseHash('')],
        back: formatHash({ number: 17, path: '00081140[0]', compare: null }),
        steps: stepsOf('00081140[1].00081155'),
        parents: ['00081140[0].00081155', '00081140[0]', '00081140'].map(parentOf),
        ancestors: ancestorsOf('00081140[0].00081155'),
        names: [keywordPath('00081140[1].00081155', keywordOf), pydicomCode('00081140[1].00091002', keywordOf)],
        queries: ['Modality=CT "GE MEDICAL" x', 'Name="a b"', '  ', 'a=b=c'].map(parseQuery),
        numbers: [numbers.count, numbers.numbers[4999]],
        hex: hexDump('41'.repeat(17)),
        json: indented('{"a":[1.00,{"b":[]}],"c":"x{,}\\"y","d":{}}'),
        sizes: [0, 1, 1500, 2_500_000_000].map(size),
        text: make('p', {}, '<b>x</b>').innerHTML,
      };
    });
  },

  async speed(page, { url, number, started }) {
    const begin = Date.now();
    await open(page, url);
    const firstRows = Date.now() - (started ?? begin);
    const early = await text(page, '#status');
    await page.waitForFunction(() => document.getElementById('progress').hidden, null, { timeout: 55_000 });
    const indexed = Date.now() - (started ?? begin);
    const jumps = [];
    for (const place of [number, number + 1000, 17, number + 77]) {
      await page.waitForTimeout(300); // the page is at rest, as before a person goes on
      jumps.push(await page.evaluate(timed, place));
    }
    await page.keyboard.press('Escape');
    const frames = await page.evaluate(scrolled);
    return { firstRows, early, indexed, jumps, frames, faults: page.faults };
  },

  async pictures(page, { url, target, documented }, context) {
    await page.setViewportSize({ width: 1280, height: 760 });
    await open(page, url);
    await isIndexed(page);
    await jump(page, '3/00101002[0].00100020');
    await page.keyboard.press('Escape');
    await page.waitForFunction(() => document.querySelector('#detail pre.raw')?.textContent.startsWith('"00100020"'));
    await page.fill('#jump', '');
    await page.waitForTimeout(300);
    await page.screenshot({ path: target });
    const other = await context.newPage(); // whose policy allows pictures that are data
    const data = await Promise.all([target, documented].map(async (path) => `data:image/png;base64,${await readFile(path, 'base64')}`));
    return { sizes: await other.evaluate(sizesOf, data), difference: await other.evaluate(differenceOf, data), faults: page.faults };
  },
};

/** In a page: the sizes of pictures. */
async function sizesOf(addresses) {
  const pictures = await Promise.all(addresses.map(async (address) => createImageBitmap(await (await fetch(address)).blob())));
  return pictures.map(({ width, height }) => [width, height]);
}

/** In a page: the mean difference of the brightness of two pictures, from 0 to 255, in fields of 20 × 20 pixels. */
async function differenceOf(addresses) {
  const fields = await Promise.all(addresses.map(async (address) => {
    const picture = await createImageBitmap(await (await fetch(address)).blob(), { resizeWidth: 64, resizeHeight: 38, resizeQuality: 'high' });
    const context = new OffscreenCanvas(64, 38).getContext('2d');
    context.drawImage(picture, 0, 0);
    return context.getImageData(0, 0, 64, 38).data.filter((_, place) => place % 4 === 1);
  }));
  return fields[0].reduce((sum, value, place) => sum + Math.abs(value - fields[1][place]), 0) / fields[0].length;
}

/** In the page: the first row that is drawn. */
const topmost = () => Math.min(...[...document.querySelectorAll('#grid .row')].map((row) => Number(row.dataset.index)));

/** In the page: the time in ms from a jump to its row and its elements. */
async function timed(number) {
  const frame = () => new Promise((resolve) => requestAnimationFrame(resolve));
  const label = new Intl.NumberFormat('en').format(number);
  const start = performance.now();
  document.getElementById('jump').value = String(number);
  document.getElementById('jump-form').requestSubmit();
  const isThere = () =>
    document.querySelector('#grid .row.chosen:not(.pending) .number')?.textContent === label &&
    document.querySelector('#dataset .where').textContent.startsWith(`#${label} `) &&
    document.querySelector('#tree .row');
  while (!isThere() && performance.now() - start < 10_000) await frame();
  return performance.now() - start;
}

/** In the page: the time of each frame in ms, while the list scrolls. */
async function scrolled() {
  const grid = document.getElementById('grid');
  const times = [];
  let last = performance.now();
  for (let step = 0; step < 240; step++) {
    grid.scrollTop += 100;
    await new Promise((resolve) => requestAnimationFrame(resolve));
    const now = performance.now();
    times.push(now - last);
    last = now;
  }
  return times.sort((one, other) => one - other);
}

export default async function (page, given, context) {
  return scenes[given.scene](page, given, context);
}
