// Reads Ruby files with Ruby's own parser, which is WebAssembly inside a package of npm.
// Usage: node ruby.mjs FILE …   Prints each syntax error, and ends with status 1 if there is one.

import { readFile } from "node:fs/promises";
import process from "node:process";

import { loadPrism } from "@ruby/prism";

const parse = await loadPrism();
for (const file of process.argv.slice(2)) {
  const source = await readFile(file);
  for (const { message, location } of parse(source.toString()).errors) {
    const line = source.subarray(0, location.startOffset).toString().split("\n").length;
    console.error(`${file}:${line}: ${message}`);
    process.exitCode = 1;
  }
}
