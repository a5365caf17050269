// Makes built.html, the page without its data, of page.html, style.css and src/.
// `--check` writes nothing and fails if the file that is there differs.
import { createHash } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { build } from "esbuild";

const here = new URL(".", import.meta.url);
const read = (name) => readFile(new URL(name, here), "utf8");
const LIMIT = 150_000;

async function bundled(entry) {
  const made = await build({
    absWorkingDir: here.pathname,
    entryPoints: [entry],
    bundle: true,
    minify: true,
    write: false,
    charset: "ascii",
    format: "iife",
    target: ["es2022", "chrome111", "firefox113", "safari16.4"],
    legalComments: "none",
    logLevel: "warning",
  });
  return made.outputFiles[0].text.trim();
}

/** The source expression of a Content Security Policy that allows exactly this text. */
const hash = (text) => `'sha256-${createHash("sha256").update(text).digest("base64")}'`;

async function licences() {
  const own = JSON.parse(await read("package.json"));
  const texts = [];
  for (const [name, version] of Object.entries(own.dependencies)) {
    texts.push(`${name} ${version}\n\n${(await read(`node_modules/${name}/LICENSE`)).trim()}`);
  }
  const text = texts.join("\n\n");
  if (text.includes("--")) throw new Error("a licence has --, which ends a comment of HTML");
  return `<!--\nThis page was made by autoconnect (Apache-2.0). It contains:\n\n${text}\n-->`;
}

const script = await bundled("src/main.tsx");
const style = await bundled("style.css");
const policy = [
  "default-src 'none'",
  `script-src ${hash(script)}`,
  `style-src ${hash(style)}`,
  "base-uri 'none'",
  "form-action 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join("; ");
const parts = { LICENCES: await licences(), POLICY: policy, STYLE: style, SCRIPT: script };
const page = (await read("page.html")).replace(/@(LICENCES|POLICY|STYLE|SCRIPT)@/g, (_, name) => parts[name]);

if (page.split("@DATA@").length !== 2) throw new Error("the page must have the place for the data exactly once");
if (/<\/(script|style)/i.test(script + style)) throw new Error("script or style would end its element");
if (page.length > LIMIT) throw new Error(`the page has ${page.length} bytes, more than ${LIMIT}`);

if (process.argv.includes("--check")) {
  if ((await read("built.html")) !== page) {
    throw new Error("built.html is not what the sources make: run npm ci && npm run build in src/report/page");
  }
  console.log(`built.html is what the sources make: ${page.length} bytes`);
} else {
  await writeFile(new URL("built.html", here), page);
  console.log(`built.html: ${page.length} bytes`);
}
