// How fast the page of a report is in headless Chromium, by number of connections: node benches/page/measure.mjs [5000 …]
// The packages of tests/page have to be installed: npm ci in tests/page. Times are medians of RUNS, in milliseconds; of the
// searches of a run, the slowest counts. On a machine that does other work, the processor time of a search says more.
import { stat } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { launch, removeWritten, written } from "../../tests/page/browser.mjs";
import { report } from "../../tests/page/data.mjs";

const RUNS = 5;
const LIMITS = { "file, MB": 10, "first paint": 1000, "table is there": 1000, "search, to the next frame": 100 };
const WORDS = ["o", "orders", "lambda-rds-7", "sg-0d000000", "lacks its inbound rule", "nothing has this name", ""];

const median = (list) => list.toSorted((a, b) => a - b)[Math.floor(list.length / 2)];
const sizes = process.argv.slice(2).map(Number);

async function loaded(browser, address) {
  const page = await browser.newPage({ viewport: { width: 1440, height: 1000 } });
  await page.addInitScript(() => {
    const watch = new MutationObserver(() => {
      if (!document.querySelector("tbody tr")) return;
      watch.disconnect();
      requestAnimationFrame(() => setTimeout(() => (globalThis.isThere = performance.now())));
    });
    watch.observe(document, { childList: true, subtree: true });
  });
  await page.goto(address);
  await page.waitForFunction(() => globalThis.isThere && performance.getEntriesByName("first-contentful-paint").length > 0);
  return page;
}

/** From a change in the page to the frame that shows it. */
const timed = (page, what, given) =>
  page.evaluate(
    ([body, value]) =>
      new Promise((done) => {
        const start = performance.now();
        new Function("value", body)(value);
        requestAnimationFrame(() => setTimeout(() => done(performance.now() - start)));
      }),
    [what, given],
  );

/** What the page's main thread has used of the processor, in milliseconds. */
async function processorTime(page) {
  const session = await page.context().newCDPSession(page);
  await session.send("Performance.enable", { timeDomain: "threadTicks" });
  return async () => {
    const { metrics } = await session.send("Performance.getMetrics");
    return metrics.find((it) => it.name === "TaskDuration").value * 1000;
  };
}

const SEARCH = "const it = document.getElementById('search'); it.value = value; it.dispatchEvent(new Event('input', { bubbles: true }))";
const CLICK = "document.querySelector(value).click()";
const PRINT = "dispatchEvent(new Event('beforeprint'))";

const browser = await launch();
const rows = [];
for (const size of sizes.length > 0 ? sizes : [10, 200, 5000]) {
  const address = await written(report(size));
  const found = { "first paint": [], "table is there": [], "search, to the next frame": [], "search, processor": [], "filter by verdict": [], "opening details": [], "preparing to print": [] };
  for (let run = 0; run < RUNS; run += 1) {
    const page = await loaded(browser, address);
    found["first paint"].push(await page.evaluate(() => performance.getEntriesByName("first-contentful-paint")[0].startTime));
    found["table is there"].push(await page.evaluate(() => globalThis.isThere));
    const busy = await processorTime(page);
    const searches = [];
    const processor = [];
    for (const words of WORDS) {
      const before = await busy();
      searches.push(await timed(page, SEARCH, words));
      processor.push((await busy()) - before);
    }
    found["search, to the next frame"].push(Math.max(...searches));
    found["search, processor"].push(Math.max(...processor));
    found["filter by verdict"].push(await timed(page, CLICK, ".verdicts button"));
    found["opening details"].push(await timed(page, CLICK, "tbody a"));
    await timed(page, CLICK, ".verdicts button");
    found["preparing to print"].push(await timed(page, PRINT));
    await page.close();
  }
  const { size: bytes } = await stat(fileURLToPath(address));
  rows.push({ connections: size, "file, MB": Number((bytes / 1e6).toFixed(2)), ...Object.fromEntries(Object.entries(found).map(([name, list]) => [name, Math.round(median(list))])) });
}
await browser.close();
await removeWritten();
console.table(rows);
const over = rows.flatMap((row) => Object.entries(LIMITS).filter(([name, limit]) => row[name] >= limit).map(([name, limit]) => `${row.connections} connections: ${name} is ${row[name]}, the limit is ${limit}`));
for (const line of over) console.log(line);
process.exit(over.length > 0 ? 1 : 0);
