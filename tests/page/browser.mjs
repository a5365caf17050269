// Pages in Debian's Chromium.
import { mkdtemp, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { chromium } from "playwright-core";
import { inPage } from "./data.mjs";

export const launch = () =>
  chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox", "--disable-dev-shm-usage"] });

const BUILT = new URL("../../src/report/page/built.html", import.meta.url);

/** Writes the page with this data into a file and gives its address. */
export async function written(data, name = "report.html", json = inPage(data)) {
  const folder = await mkdtemp(join(tmpdir(), "autoconnect-page-"));
  const page = await readFile(process.env.AUTOCONNECT_PAGE ?? BUILT, "utf8");
  const file = join(folder, name);
  await writeFile(file, page.split("@DATA@").join(json));
  return pathToFileURL(file).href;
}
