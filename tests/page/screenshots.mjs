// Pictures of the page in light and dark, to be looked at: node screenshots.mjs FOLDER
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { launch, written } from "./browser.mjs";
import { bare, hostile, report } from "./data.mjs";

const folder = process.argv[2] ?? "screenshots";
await mkdir(folder, { recursive: true });
const browser = await launch();
const wide = { width: 1440, height: 1000 };
const phone = { width: 390, height: 844 };
const shots = [
  ["10", report(10), wide, ""],
  ["200", report(200), wide, ""],
  ["5000", report(5000), wide, ""],
  ["10-broken", report(10), wide, "first"],
  ["200-drifted", report(200), wide, "first drifted"],
  ["200-filtered", report(200), wide, "database"],
  ["phone", report(10), phone, ""],
  ["phone-details", report(10), phone, "first"],
  ["hostile", hostile(), wide, ""],
  ["hostile-details", hostile(), wide, "first"],
  ["bare", bare(), wide, "first"],
];
for (const [name, data, viewport, action] of shots) {
  const url = await written(data);
  for (const colorScheme of ["light", "dark"]) {
    const page = await browser.newPage({ viewport, colorScheme });
    let fragment = "";
    if (action === "first drifted") fragment = "#verdict=drifted";
    if (action === "database") fragment = "#database=cluster%2Forders";
    await page.goto(url + fragment);
    if (action.startsWith("first")) await page.locator("tbody a").first().click();
    await page.waitForTimeout(250);
    await page.screenshot({ path: join(folder, `${name}-${colorScheme}.png`), fullPage: name.startsWith("phone") || name.includes("details") || name === "10" });
    await page.close();
  }
}
const page = await browser.newPage();
await page.goto(`${await written(report(10))}#verdict=broken,drifted`);
await page.pdf({ path: join(folder, "print.pdf"), format: "A4" });
await browser.close();
