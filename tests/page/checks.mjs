// What must hold of any report, whatever its data: of those made up here, and of those that the program writes.
import assert from "node:assert/strict";
import { wrong } from "./contract.mjs";
import { open, seriousFindings, shown } from "./browser.mjs";

const WORDS = { broken: "Broken", drifted: "Drifted", unknown: "Unknown", "in-sync": "In sync" };
/** So many connections are opened one by one. */
const OPENED = 12;

export async function checkReport(browser, address) {
  const light = await open(browser, address, { colorScheme: "light" });
  const { page } = light;
  const json = await page.locator("#data").textContent();
  assert.doesNotMatch(json, /[<>&\u2028\u2029]/, "the data must be escaped for HTML");
  const data = JSON.parse(json);
  assert.deepEqual(wrong(data), [], "the data must keep the contract");

  await structure(page, data);
  await details(page, data);
  light.quiet();
  await light.close();
  await accessible(browser, address, data);
  await narrow(browser, address, data);
  await paper(browser, address, data);
  return data;
}

async function structure(page, data) {
  assert.equal(await page.title(), shown(data.title));
  assert.equal(await page.locator("h1").count(), 1);
  for (const landmark of ["banner", "search", "main"]) assert.equal(await page.getByRole(landmark).count(), 1, landmark);
  for (const [verdict, word] of Object.entries(WORDS)) {
    const button = page.locator(`.verdicts .is-${verdict}`).first();
    assert.match((await button.textContent()).replaceAll(",", ""), new RegExp(`^${data.summary[verdict]} ?${word}`), verdict);
  }
  const total = data.connections.length;
  assert.equal(await page.locator(".result [role=status]").textContent(), `All ${total.toLocaleString("en")} connections`);
  if (total > 0) assert.equal(await page.getByRole("table").getAttribute("aria-rowcount"), String(total + 1));
  // Nothing of the data became an element.
  assert.equal(await page.locator("script").count(), 2);
  assert.equal(await page.locator("img, iframe, object, embed, link, form, base, audio, video").count(), 0);
  const handlers = await page.evaluate(() =>
    [...document.querySelectorAll("*")].flatMap((it) => it.getAttributeNames().filter((name) => name.startsWith("on") || (name === "href" && !it.getAttribute(name).startsWith("#")))),
  );
  assert.deepEqual(handlers, []);
}

async function details(page, data) {
  const links = await page.locator("tbody a").evaluateAll((all) => all.map((it) => it.getAttribute("href")));
  assert.equal(new Set(links).size, links.length, "each connection has its own address");
  for (const link of links.slice(0, OPENED)) {
    await page.locator(`tbody a[href=${JSON.stringify(link)}]`).click();
    const aside = page.getByRole("complementary");
    const opened = await page.evaluate(() => new URLSearchParams(location.hash.slice(1)).get("connection"));
    const text = await aside.innerText();
    const matching = data.connections.filter((it) => opened.includes(it.id) || opened.startsWith(it.id));
    assert.ok(matching.length > 0, "the address names the connection");
    const { findings, checks, costs, hops } = matching.length === 1 ? matching[0] : { findings: [], checks: [], costs: [], hops: [] };
    const flat = (it) => shown(it).replace(/\[U\+000[9AD]\]|\s/g, "");
    const seen = text.replace(/\[U\+000[9AD]\]|\s/g, "");
    for (const it of findings) for (const part of [it.kind, it.message, it.resource, it.expected, it.found, it.remedy, it.likely_cause]) if (part) assert.ok(seen.includes(flat(part)), `a finding shows ${part.slice(0, 100)}`);
    for (const it of checks) for (const part of [it.id, it.message, it.remedy]) if (part) assert.ok(seen.includes(flat(part)), `a check shows ${part.slice(0, 100)}`);
    for (const it of costs) assert.ok(seen.includes(flat(it)), "costs are shown");
    for (const hop of hops) for (const side of [...hop.from_groups, ...hop.to_groups]) assert.ok(seen.includes(flat(data.groups[side.group].id)), "each group is drawn");
    await page.keyboard.press("Escape");
    assert.equal(await aside.count(), 0);
  }
}

async function accessible(browser, address, data) {
  for (const colorScheme of ["light", "dark"]) {
    const { page, close } = await open(browser, address, { colorScheme });
    assert.deepEqual(await seriousFindings(page), [], `${colorScheme}, as it opens`);
    if (data.connections.length > 0) {
      await page.locator("tbody a").first().click();
      await page.waitForTimeout(200); // transitions of colours
      assert.deepEqual(await seriousFindings(page), [], `${colorScheme}, with details`);
    }
    await close();
  }
}

async function narrow(browser, address, data) {
  const { page, quiet, close } = await open(browser, address, { viewport: { width: 360, height: 740 } });
  await page.keyboard.press("Escape"); // The details of a report of one connection are open.
  const fits = () => page.evaluate(() => document.documentElement.scrollWidth <= innerWidth);
  assert.ok(await fits(), "nothing is wider than a phone");
  await page.locator(".map > summary").click();
  assert.ok(await fits(), "nor with the map");
  if (data.connections.length > 0) {
    await page.locator("tbody a").first().click();
    assert.ok(await fits(), "nor with details");
  }
  quiet();
  await close();
}

async function paper(browser, address, data) {
  const { page, quiet, close } = await open(browser, address, { colorScheme: "dark" });
  await page.emulateMedia({ media: "print" });
  await page.locator(".paper").waitFor();
  const text = (await page.locator("body").innerText()).replace(/\s/g, "");
  for (const it of data.connections) {
    const name = shown(it.name).replace(/\s/g, "").slice(0, 150);
    assert.ok(text.includes(name), `${name} is printed`);
    for (const finding of it.findings) assert.ok(text.includes(shown(finding.message).replace(/\[U\+000[9A]\]|\s/g, "").slice(0, 60)) || /[\n\t]/.test(finding.message), "findings are printed");
  }
  const controls = await page.locator("button, input, select, .map, .list").evaluateAll((all) => all.filter((it) => it.checkVisibility()).length);
  assert.equal(controls, 0, "no controls on paper");
  const [back, ink] = await page.evaluate(() => [getComputedStyle(document.body).backgroundColor, getComputedStyle(document.body).color]);
  assert.deepEqual([back, ink], ["rgb(255, 255, 255)", "rgb(27, 32, 39)"], "dark on white, also in dark mode");
  await page.emulateMedia({ media: "screen" });
  await page.locator(".paper").waitFor({ state: "detached" });
  quiet();
  await close();
}
