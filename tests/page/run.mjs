// Checks reports that the program wrote, in a real Chromium: node run.mjs REPORT.html…
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { launch } from "./browser.mjs";
import { checkReport } from "./checks.mjs";

const files = process.argv.slice(2);
if (files.length === 0) {
  console.error("name the reports to check: node run.mjs REPORT.html…");
  process.exit(1);
}
const browser = await launch();
let failed = 0;
for (const file of files) {
  try {
    const data = await checkReport(browser, pathToFileURL(resolve(file)).href);
    console.log(`${file}: ${data.connections.length} connections, all checks passed`);
  } catch (error) {
    failed += 1;
    console.error(`${file}: ${error.message}\n${error.stack}`);
  }
}
await browser.close();
console.log(`${files.length - failed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
