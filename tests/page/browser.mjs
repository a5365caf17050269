// Pages in Debian's Chromium.
import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { chromium } from "playwright-core";
import { inPage } from "./data.mjs";

const BUILT = new URL("../../src/report/page/built.html", import.meta.url);
const AXE = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

// Root cannot use Chromium's sandbox without more rights than a container has.
export const launch = () =>
  chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox", "--disable-dev-shm-usage"] });

const folders = [];

/** Writes the page with this data into a file and gives its address. */
export async function written(data, json = inPage(data)) {
  const folder = await mkdtemp(join(tmpdir(), "autoconnect-page-"));
  folders.push(folder);
  const page = await readFile(process.env.AUTOCONNECT_PAGE ?? BUILT, "utf8");
  const file = join(folder, "report.html");
  await writeFile(file, page.split("@DATA@").join(json));
  return pathToFileURL(file).href;
}

export async function removeWritten() {
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true });
}

/**
 * Opens an address in a browser of its own profile. `quiet()` fails if the page asked for anything on the network, opened a
 * dialog, reported an error, or did what its Content Security Policy forbids.
 */
export async function open(browser, address, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1440, height: 1000 }, ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(15_000);
  const noise = [];
  page.on("request", (it) => {
    if (it.url().split("#")[0] !== address.split("#")[0]) noise.push(`a request for ${it.url().slice(0, 200)}`);
  });
  page.on("dialog", (it) => {
    noise.push(`a dialog: ${it.message()}`);
    void it.dismiss();
  });
  page.on("pageerror", (it) => noise.push(`an error: ${it.message}`));
  page.on("console", (it) => ["error", "warning"].includes(it.type()) && noise.push(`the console: ${it.text().slice(0, 300)}`));
  page.on("popup", () => noise.push("a window"));
  await page.addInitScript(() => {
    addEventListener("securitypolicyviolation", (it) => console.error(`violation of ${it.violatedDirective}: ${it.sample}`));
  });
  await page.goto(address);
  const quiet = () => assert.deepEqual(noise, [], "the page must be quiet");
  return { page, context, quiet, close: () => context.close() };
}

/** What axe-core finds to be serious or critical, one line each. */
export async function seriousFindings(page) {
  await page.evaluate(AXE);
  const { violations } = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ["violations"] }));
  return violations
    .filter((it) => ["serious", "critical"].includes(it.impact))
    .map((it) => `${it.id}: ${it.help}: ${it.nodes.slice(0, 3).map((node) => `${node.html.slice(0, 160)} ${node.failureSummary}`).join(" | ")}`);
}

/** The same text as the page shows it: each unseen character as its code. */
export const shown = (text) =>
  text.replace(/[\u0000-\u001f\u007f-\u009f\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g, (it) => `[U+${it.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0")}]`);
