// Call a function of the viewer: { page, call, arguments }
export default async function (page, { page: url, call, arguments: given }) {
  await page.goto(url);
  await page.waitForFunction(() => globalThis.viewer);
  return page.evaluate(([call, given]) => globalThis.viewer[call](...given), [call, given]);
}
