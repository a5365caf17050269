// The page of reports in a real Chromium, with data made up by its contract.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { launch, open, removeWritten, seriousFindings, shown, written } from "./browser.mjs";
import { checkReport } from "./checks.mjs";
import { HOSTILE, bare, hostile, report } from "./data.mjs";

let browser;
before(async () => {
  browser = await launch();
});
after(async () => {
  await browser?.close();
  await removeWritten();
});

const visit = async (data, fragment = "", options = {}) => open(browser, (await written(data)) + fragment, options);
const verdictsOf = (page) => page.locator("tbody .badge").allTextContents();
const status = (page) => page.locator(".result [role=status]").textContent();
const fragment = (page) => page.evaluate(() => Object.fromEntries(new URLSearchParams(location.hash.slice(1))));

describe("every report", () => {
  for (const [name, data] of [["of 10 connections", report(10)], ["of 200", report(200)], ["with hostile names", hostile()], ["with nothing known", bare()], ["of 5,000", report(5000)], ["of none", report(0)], ["of one", { ...report(1), scope: "connection" }]]) {
    test(name, async () => {
      await checkReport(browser, await written(data));
    });
  }
});

test("the map has each function, proxy and database, and a line for each connection", async () => {
  const data = report(10);
  const { page, quiet, close } = await visit(data);
  const nodes = (kind) => page.locator(`.node.${kind}`).count();
  assert.deepEqual([await nodes("function"), await nodes("proxy"), await nodes("database")], [data.functions.length, data.proxies.length, data.databases.length]);
  assert.equal(await page.locator(".connection").count(), 10);
  // Not by colour alone: each verdict has a pattern of its own, and all but one a mark.
  const patterns = await page.locator(".connection .line").evaluateAll((all) => all.map((it) => `${it.getAttribute("class")} ${getComputedStyle(it).strokeDasharray}`));
  assert.equal(new Set(patterns).size, new Set(patterns.map((it) => it.split(" ").slice(2).join())).size);
  assert.equal(await page.locator(".marks .mark").count(), data.connections.filter((it) => it.verdict !== "in-sync").length);
  const labels = await page.locator(".edge-label").allTextContents();
  assert.ok(labels.includes("lambda-rds-1 → tcp 5432 → rds-lambda-1"), labels.join());
  assert.ok(labels.includes("lambda-rds-3 → no inbound rule ✕ rds-lambda-3"), labels.join());
  const { x, y } = await page.locator(".connection .target").first().evaluate((it) => {
    const point = it.getPointAtLength(it.getTotalLength() * 0.4);
    const { left, top } = it.ownerSVGElement.getBoundingClientRect();
    return { x: left + point.x, y: top + point.y };
  });
  await page.mouse.click(x, y);
  assert.equal(await page.getByRole("complementary").count(), 1);
  quiet();
  await close();
});

test("a large map is bundles by database, which open into functions", async () => {
  const data = report(200);
  // One that is alone in going this way.
  Object.assign(data.connections.findLast((it) => it.database === 2), { proxy: 0 });
  const { page, quiet, close } = await visit(data);
  const bundles = await page.locator(".node.bundle").count();
  assert.ok(bundles > 0 && bundles < 60);
  assert.equal(await page.locator(".node.function").count(), 0);
  const counted = await page.locator(".node.bundle .name").allTextContents();
  assert.equal(counted.reduce((sum, it) => sum + Number.parseInt(it, 10), 0), 200);
  await page.locator(".node.database").first().click();
  assert.equal(await page.locator(".node.bundle").count(), 0);
  const drawn = await page.locator(".node.function").count();
  assert.equal(await status(page), `${drawn} of 200 connections`);
  await page.locator(".node.database").first().click();
  assert.equal(await status(page), "All 200 connections");
  await page.locator("tbody a").first().click();
  assert.equal(await page.locator(".node.function.lit").count(), 1, "the chosen connection is drawn by itself");
  quiet();
  await close();
});

test("filters by verdict, database, VPC and proxy, and back", async () => {
  const data = report(200);
  const { page, quiet, close } = await visit(data);
  await page.getByRole("button", { name: /Broken/ }).first().click();
  assert.deepEqual([...new Set(await verdictsOf(page))], ["Broken"]);
  assert.equal(await status(page), `${data.summary.broken} of 200 connections`);
  await page.getByRole("button", { name: /Drifted/ }).first().click();
  assert.equal(await status(page), `${data.summary.broken + data.summary.drifted} of 200 connections`);
  assert.deepEqual(await fragment(page), { verdict: "broken,drifted" });
  await page.getByLabel("Database", { exact: true }).selectOption({ label: "orders (cluster)" });
  const own = data.connections.filter((it) => it.database === 0);
  const bad = own.filter((it) => ["broken", "drifted"].includes(it.verdict));
  assert.equal(await status(page), `${bad.length} of 200 connections`);
  await page.goBack();
  assert.deepEqual(await fragment(page), { verdict: "broken,drifted" });
  assert.equal(await page.getByLabel("Database", { exact: true }).inputValue(), "");
  await page.goForward();
  assert.equal(await status(page), `${bad.length} of 200 connections`);
  await page.getByRole("button", { name: "Show all" }).click();
  assert.equal(await status(page), "All 200 connections");
  const { vpc } = data.databases[1];
  await page.getByLabel("VPC", { exact: true }).selectOption(vpc);
  assert.equal(await status(page), `${data.connections.filter((it) => data.databases[it.database].vpc === vpc).length} of 200 connections`);
  await page.getByRole("button", { name: "Show all" }).click();
  await page.locator(".node.proxy").first().click();
  assert.match(await page.locator(".chip").textContent(), /proxy/);
  await page.locator(".chip").click();
  assert.equal(await status(page), "All 200 connections");
  quiet();
  await close();
});

test("search finds names, groups and findings", async () => {
  const data = report(200);
  const { page, quiet, close } = await visit(data);
  const broken = data.connections.find((it) => it.verdict === "broken");
  const group = data.groups[broken.hops[0].from_groups[0].group];
  const search = page.getByLabel("Search", { exact: true });
  for (const [words, matches] of [
    [data.functions[7].name.toUpperCase(), (it) => it.function === 7],
    [group.id, (it) => JSON.stringify(it.hops).includes(`"group":${data.groups.indexOf(group)},`)],
    ["LACKS its inbound", (it) => it.verdict === "broken"],
    ["billing-proxy", (it) => it.proxy === 0],
  ]) {
    await search.fill(words);
    assert.equal(await status(page), `${data.connections.filter(matches).length} of 200 connections`, words);
  }
  assert.deepEqual(await fragment(page), { search: "billing-proxy" });
  await search.fill("nothing has this name");
  assert.equal(await page.locator(".empty").textContent(), "No connection fits the search and the filters.");
  quiet();
  await close();
});

test("a link opens what it names", async () => {
  const data = report(200);
  const wanted = data.connections[150];
  const given = new URLSearchParams({ connection: wanted.id, verdict: wanted.verdict, search: "rds-lambda" });
  const { page, quiet, close } = await visit(data, `#${given}`);
  assert.equal(await page.locator("#details-title").textContent(), wanted.name);
  assert.deepEqual([...new Set((await verdictsOf(page)).map((it) => it.toLowerCase().replace(" ", "-")))], [wanted.verdict]);
  assert.equal(await page.getByLabel("Search", { exact: true }).inputValue(), "rds-lambda");
  await page.evaluate(() => {
    location.hash = "#connection=nobody&verdict=bogus&sort=toString&database=%00%22%3E%3Cimg%20src%3Dx%3E";
  });
  await page.getByText("The link names a connection that is not in this report.").waitFor();
  assert.equal(await page.locator("img").count(), 0);
  await page.evaluate(() => {
    location.hash = "#%E0%A4%A";
  });
  await page.getByText("All 200 connections").waitFor();
  quiet();
  await close();
});

test("two connections with one id have addresses of their own", async () => {
  const { page, quiet, close } = await visit(bare());
  for (const name of ["vanished", "nothing known"]) {
    await page.getByRole("link", { name }).click();
    assert.equal(await page.locator("#details-title").textContent(), name);
    await page.reload();
    assert.equal(await page.locator("#details-title").textContent(), name);
  }
  quiet();
  await close();
});

test("details say what is broken, since when, and what resolves it", async () => {
  const data = report(10);
  const broken = data.connections.find((it) => it.verdict === "broken");
  const { page, context, quiet, close } = await visit(data, `#${new URLSearchParams({ connection: broken.id })}`);
  await context.grantPermissions(["clipboard-read", "clipboard-write"]);
  const aside = page.getByRole("complementary");
  const text = await aside.innerText();
  for (const words of ["No traffic passes on port 5432", "No inbound rule lets port 5432 through", "associate-existing: matching groups exist", "Owner: ", "Expected", "First seen", "7 hours ago, 20"]) {
    assert.ok(text.includes(words), `${words} in ${text}`);
  }
  assert.equal(await aside.locator("time").first().getAttribute("datetime"), broken.findings[0].first_seen);
  const order = await aside.locator(".path :is(.end, .group, .rule, .bar)").evaluateAll((all) => all.map((it) => it.classList[0]));
  assert.deepEqual(order, ["end", "group", "rule", "bar", "rule", "group", "rule", "group", "end"]);
  // From top to bottom, lane by lane: the edges that no traffic takes are dashed.
  const edges = await aside.locator(".path .edge").evaluateAll((all) => all.map((it) => `${it.classList[1]} ${getComputedStyle(it).borderLeftStyle}`));
  const held = "is-held solid";
  const closed = "is-closed dashed";
  assert.deepEqual(edges, [held, held, "is-open solid", closed, closed, held, closed, closed, held]);
  await aside.getByRole("button", { name: "Copy" }).first().click();
  await page.getByText("Copied to the clipboard.").waitFor();
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), broken.findings[0].remedy);
  quiet();
  await close();
});

test("a connection through a proxy is drawn in two hops, with its target's health", async () => {
  const data = report(10);
  const at = data.connections.findIndex((it) => it.proxy !== null);
  Object.assign(data.connections[at], { target_health: { state: "UNAVAILABLE", reason: "AUTH_FAILURE" } });
  const { page, quiet, close } = await visit(data, `#${new URLSearchParams({ connection: data.connections[at].id })}`);
  assert.deepEqual(await page.locator(".path .end").evaluateAll((all) => all.map((it) => it.classList[1])), ["function", "proxy", "database"]);
  assert.match(await page.locator("aside").innerText(), /UNAVAILABLE: AUTH_FAILURE/);
  quiet();
  await close();
});

test("the keyboard reaches everything, and its place is seen", async () => {
  const { page, quiet, close } = await visit(report(10));
  const focused = () => page.evaluate(() => `${document.activeElement.tagName.toLowerCase()} ${document.activeElement.textContent.trim().slice(0, 60)}`);
  const isSeen = () => page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle !== "none" && document.activeElement.checkVisibility());
  const met = [];
  for (let step = 0; step < 40; step += 1) {
    await page.keyboard.press("Tab");
    const now = await focused();
    if (now.startsWith("body")) break;
    assert.ok(await isSeen(), `the focus is seen on ${now}`);
    met.push(now);
  }
  for (const wanted of ["a Skip to the table", "summary 1 thing", "button 1 Broken", "input", "select All databases", "select All VPCs", "summary Map", "button function catalog-sync", "button Verdict", "a catalog-sync"]) {
    assert.ok(met.some((it) => it.startsWith(wanted)), `${wanted} among ${met.join("; ")}`);
  }

  await page.locator("h1").click();
  await page.keyboard.press("/");
  assert.equal(await page.evaluate(() => document.activeElement.id), "search");
  await page.keyboard.type("a/b");
  assert.equal(await page.locator("#search").inputValue(), "a/b", "in the field it is a letter");
  await page.locator("#search").fill("");

  await page.locator("tbody a[tabindex='0']").focus();
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("ArrowDown");
  assert.equal(await focused(), "a orders-export");
  await page.keyboard.press("Enter");
  assert.equal(await page.evaluate(() => document.activeElement.id), "details-title");
  await page.keyboard.press("Escape");
  assert.equal(await focused(), "a orders-export", "closing goes back to the row");
  await page.keyboard.press("End");
  assert.equal(await focused(), "a orders-webhook");

  await page.locator(".node[tabindex='0']").focus();
  await page.keyboard.press("ArrowRight");
  assert.match(await page.evaluate(() => document.activeElement.className), /proxy|database/);
  await page.keyboard.press("End");
  await page.keyboard.press("ArrowRight");
  assert.match(await page.evaluate(() => document.activeElement.className), /database/);
  await page.keyboard.press("ArrowUp");
  await page.keyboard.press("Enter");
  assert.match(await status(page), /^\d of 10 connections$/);
  quiet();
  await close();
});

test("with details open, arrow keys go through the connections, and leave one step in the history", async () => {
  const { page, quiet, close } = await visit(report(10));
  await page.locator("tbody a").first().click();
  const before = await page.evaluate(() => history.length);
  await page.locator("tbody a").first().focus();
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("ArrowDown");
  assert.equal(await page.locator("tr.selected a").textContent(), "orders-export");
  assert.match(await page.locator("#details-title").textContent(), /orders-export/);
  await page.getByRole("button", { name: "Next" }).click();
  assert.match(await page.locator("#details-title").textContent(), /catalog-nightly/);
  assert.equal(await page.evaluate(() => history.length), before);
  await page.goBack();
  assert.equal(await page.getByRole("complementary").count(), 0);
  quiet();
  await close();
});

test("hostile names stand there as they are, and what cannot be seen is made visible", async () => {
  const data = hostile();
  const { page, quiet, close } = await visit(data);
  assert.equal(await page.locator("h1").textContent(), HOSTILE.script);
  const names = await page.locator("tbody a").allTextContents();
  assert.deepEqual(new Set(names), new Set([HOSTILE.image, HOSTILE.long, HOSTILE.emoji]));
  const body = await page.locator("body").innerText();
  assert.ok(body.includes("orders[U+202E]gnp.exe[U+202C][U+2066]x[U+2069]"));
  for (const link of await page.locator("tbody a").all()) {
    await link.click();
    const text = await page.getByRole("complementary").evaluate((it) => it.textContent);
    for (const it of ["script", "image", "bidi", "template", "emoji", "long"]) assert.ok(text.includes(shown(HOSTILE[it])), it);
    assert.ok(text.includes("first\nsecond[U+000D]\n[U+2028]third[U+0000]"));
    const unseen = await page.evaluate(() => {
      const walker = document.createTreeWalker(document.getElementById("page"), NodeFilter.SHOW_TEXT);
      const found = [];
      while (walker.nextNode()) if (/[\u202a-\u202e\u2066-\u2069\u0000]/.test(walker.currentNode.data)) found.push(walker.currentNode.data);
      for (const it of document.querySelectorAll("[title], [aria-label]")) if (/[\u202a-\u202e\u2066-\u2069\n]/.test(`${it.title}${it.ariaLabel}`)) found.push(it.title);
      return found;
    });
    assert.deepEqual(unseen, []);
    assert.equal(await page.locator("aside .command button").count(), await page.locator("aside .command").count() - (await page.locator("aside .command p").count()));
    assert.ok((await page.locator("aside .command p").count()) > 0, "no button copies what cannot be seen");
    await page.keyboard.press("Escape");
  }
  const before = await page.evaluate(() => history.length);
  await page.getByLabel("Search", { exact: true }).fill("<img src=x onerror=");
  assert.equal(await status(page), "All 3 connections");
  assert.equal(await page.evaluate(() => history.length), before, "typing leaves no steps");
  quiet();
  await close();
});

test("the policy forbids what a mistake in the page could do", async () => {
  const { page, close } = await visit(report(3));
  const outcome = await page.evaluate(async () => {
    const attempt = async (what) => {
      try {
        return await what();
      } catch (error) {
        return error.name;
      }
    };
    return {
      html: await attempt(() => void (document.createElement("p").innerHTML = "<b>x</b>")),
      fetch: await attempt(() => fetch("https://example.invalid/").then(() => "fetched")),
      policy: document.querySelector("meta[http-equiv]").content,
    };
  });
  assert.equal(outcome.html, "TypeError");
  assert.equal(outcome.fetch, "TypeError");
  assert.match(outcome.policy, /^default-src 'none'; script-src 'sha256-[^ ]+'; style-src 'sha256-[^ ]+';/);
  assert.doesNotMatch(outcome.policy, /unsafe|http|\*|data:/);
  await close();
});

test("5,000 connections: the table grows, and the keyboard goes to its end", async () => {
  const { page, quiet, close } = await visit(report(5000));
  assert.ok((await page.locator("tbody tr").count()) < 1000);
  await page.locator("tbody a[tabindex='0']").focus();
  await page.keyboard.press("End");
  assert.equal(await page.evaluate(() => document.activeElement.closest("tr").ariaRowIndex), "5001");
  await page.getByLabel("Search", { exact: true }).fill("orders");
  assert.ok((await page.locator("tbody tr").count()) < 1000);
  await page.getByRole("button", { name: "Show more" }).scrollIntoViewIfNeeded();
  await page.waitForFunction(() => document.querySelectorAll("tbody tr").length > 100);
  quiet();
  await close();
});

test("5,000 connections: the map draws some functions of a large database, and more on demand", async () => {
  const data = report(5000);
  const { page, quiet, close } = await visit(data, "#database=cluster%2Forders");
  const drawn = () => page.locator(".node.function").count();
  assert.equal(await drawn(), 60);
  await page.getByRole("button", { name: "Draw more" }).click();
  assert.ok((await drawn()) > 60);
  quiet();
  await close();
});

test("a chosen connection is on the map however far down its database is", async () => {
  const data = report(5000);
  const last = data.connections.findLast((it) => it.verdict === "in-sync" && it.proxy === null && data.databases[it.database].id.endsWith("-20"));
  const { page, quiet, close } = await visit(data, `#${new URLSearchParams({ connection: last.id })}`);
  const node = page.locator(".node.function.lit");
  assert.match(await node.textContent(), new RegExp(data.functions[last.function].name));
  assert.ok(await node.evaluate((it) => {
    const [own, frame] = [it.getBoundingClientRect(), it.closest(".map-frame").getBoundingClientRect()];
    return own.top >= frame.top && own.bottom <= frame.bottom;
  }), "the map has scrolled to it");
  quiet();
  await close();
});

test("a report of several accounts names them, and details say whose a connection is", async () => {
  const data = report(10);
  Object.assign(data, { account: null, region: null, scope: "manifest" });
  for (const [at, it] of data.connections.entries()) Object.assign(it, { account: at % 2 ? "111122223333" : "444455556666", region: "eu-west-1" });
  const { page, quiet, close } = await visit(data);
  assert.match(await page.locator(".about").innerText(), /Accounts 444455556666, 111122223333\s+Region eu-west-1\s+the connections of a manifest/);
  await page.locator("tbody a").first().click();
  assert.match(await page.getByRole("complementary").innerText(), /Account\s+(111122223333|444455556666)/);
  quiet();
  await close();
});

test("a report of one connection opens with its details", async () => {
  const data = { ...report(1), scope: "connection" };
  const { page, quiet, close } = await visit(data);
  assert.equal(await page.locator("#details-title").textContent(), data.connections[0].name);
  await page.keyboard.press("Escape");
  assert.equal(await page.getByRole("complementary").count(), 0);
  quiet();
  await close();
});

test("a preference for less motion is kept, and one for more contrast has borders", async () => {
  const { page, close } = await visit(report(10), "", { reducedMotion: "reduce", forcedColors: "active" });
  assert.deepEqual(await page.locator(".connection, .connection .line, .node").evaluateAll((all) => [...new Set(all.map((it) => getComputedStyle(it).transitionDuration))]), ["0s"]);
  assert.deepEqual(await seriousFindings(page), []);
  await close();
});

test("data that cannot be read, or of another version, is said to be so", async () => {
  for (const json of ["{", '{"schema_version": 2}', "null"]) {
    const { page, close } = await open(browser, await written(null, json));
    assert.match(await page.getByRole("alert").textContent(), /^This report cannot be shown: /);
    await close();
  }
});
