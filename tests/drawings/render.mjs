// Renders pictures with what their readers use: Mermaid in its own command line tool, and Graphviz.
// node render.mjs PROGRAM FOLDER: the program, and the folder of the example accounts.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const [program, examples] = process.argv.slice(2);
const here = dirname(fileURLToPath(import.meta.url));
const work = mkdtempSync(join(tmpdir(), 'autoconnect-pictures-'));
for (const account of ['account.json', 'network.json']) {
  copyFileSync(join(examples, account), join(work, account));
}

// Names that would end a label, and that Mermaid reads as HTML, Markdown or codes of its own.
const hostile = ' "</b><img src=x onerror=alert(1)>` end ]) %% & #quot; \\n _a_ **b** é漢字';
const account = JSON.parse(readFileSync(join(work, 'account.json'), 'utf8'));
for (const group of account.SecurityGroups) group.GroupName += hostile;
// A function without groups of the connection, so that something is broken.
account.Functions[0].VpcConfig.SecurityGroupIds = ['sg-0f00'];
writeFileSync(join(work, 'hostile.json'), JSON.stringify(account));

// Each command with what its picture has to show.
const pictures = [
  ['export --offline account.json --cluster orders --function checkout', ['function checkout', 'lambda-rds-1', 'tcp 5432', 'rds-lambda-1', 'cluster orders']],
  ['export --offline account.json --all', ['function checkout', 'function invoices', 'instance ledger']],
  ['export --offline account.json --cluster orders --function refunds --proxy new --db-user app --planned', ['proxy autoconnect-orders', 'rds-rdsproxy-1']],
  ['export --offline network.json --cluster orders', ['function reports', 'blocked between some subnets', 'cluster orders']],
  ['export --offline hostile.json --all', ['function invoices', 'instance ledger', '<img src=x onerror=alert(1)>']],
  ['export --offline hostile.json --cluster orders --function checkout', ['blocked', 'cluster orders']],
  ['diagnose --offline network.json --cluster orders --function reports', ['function reports', 'subnet-0a01c', 'network-acls']],
  ['diagnose --offline network.json --cluster orders --function checkout --proxy orders-proxy', ['proxy orders-proxy', 'cluster orders']],
];

function draw(command, format) {
  const [...words] = `${command} --format ${format}`.split(' ');
  try {
    return execFileSync(program, words, { cwd: work, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  } catch (error) {
    // 2: the path that is drawn is broken.
    assert.equal(error.status, 2, `${command}: ${error.stderr}`);
    return error.stdout;
  }
}

// The text of an SVG, without its line breaks: wrapped labels are one text.
function text(svg) {
  const entities = { lt: '<', gt: '>', quot: '"', apos: "'", amp: '&', nbsp: ' ' };
  return svg
    .replace(/<style[\s\S]*?<\/style>/g, '')
    .replace(/<[^>]*>/g, ' ')
    .replace(/&(#x?[0-9a-f]+|\w+);/gi, (whole, name) => {
      if (name.startsWith('#x')) return String.fromCodePoint(parseInt(name.slice(2), 16));
      if (name.startsWith('#')) return String.fromCodePoint(parseInt(name.slice(1), 10));
      return entities[name] ?? whole;
    })
    .replace(/\s+/g, ' ');
}

function shows(svg, wanted, what) {
  const shown = text(svg);
  for (const label of wanted) assert.ok(shown.includes(label), `${what} does not show ${label}: ${shown}`);
}

for (const [command, wanted] of pictures) {
  const svg = execFileSync('dot', ['-Tsvg'], { input: draw(command, 'dot'), encoding: 'utf8', stdio: ['pipe', 'pipe', 'pipe'] });
  shows(svg, wanted, `Graphviz on ${command}`);
}

const diagrams = pictures.map(([command]) => `\`\`\`mermaid\n${draw(command, 'mermaid')}\`\`\`\n`);
writeFileSync(join(work, 'pictures.md'), diagrams.join('\n'));
writeFileSync(join(work, 'browser.json'), JSON.stringify({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox'] }));
execFileSync(join(here, 'node_modules/.bin/mmdc'), ['--quiet', '--puppeteerConfigFile', 'browser.json', '--input', 'pictures.md', '--output', 'rendered.md'], { cwd: work, stdio: 'inherit' });
pictures.forEach(([command, wanted], place) => {
  const svg = readFileSync(join(work, `rendered-${place + 1}.svg`), 'utf8');
  assert.ok(!svg.includes('Syntax error'), `Mermaid cannot read ${command}`);
  assert.ok(!/<img|onerror="/.test(svg), `Mermaid made an element of a name in ${command}`);
  shows(svg, wanted, `Mermaid on ${command}`);
});
console.log(`${pictures.length} pictures were rendered by Graphviz and by Mermaid`);
