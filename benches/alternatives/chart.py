"""Draws docs/performance/alternatives.json as alternatives.svg beside it, and prints the tables of docs/performance.md."""

import json
import math
from html import escape
from pathlib import Path

FOLDER = Path(__file__).resolve().parent.parent.parent / "docs/performance"
QUESTIONS = {"setup": "Dry run of one setup", "drift": "Drift of all connections"}
LEFT, WIDTH, BAR, GAP, RIGHT = 190, 400, 16, 6, 230
FIRST, LAST = 0.01, 100
STYLE = """
text { font: 12px system-ui, sans-serif; fill: #1f2328 }
.title { font-weight: 600; font-size: 15px }
.size { font-weight: 600 }
.note { fill: #59636e }
line { stroke: #d1d9e0 }
.wall { fill: #8c959f }
.processor { fill: #424a53 }
.own .wall { fill: #2f81f7 }
.own .processor { fill: #0b3d91 }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 }
  .note { fill: #9198a1 }
  line { stroke: #3d444d }
  .wall { fill: #6e7681 }
  .processor { fill: #c9d1d9 }
  .own .wall { fill: #4493f8 }
  .own .processor { fill: #c2dbff }
}
"""


def across(seconds):
    share = math.log10(max(seconds, FIRST) / FIRST) / math.log10(LAST / FIRST)
    return LEFT + WIDTH * min(share, 1)


def figure(document):
    parts, y = [], 24
    for question, title in QUESTIONS.items():
        parts.append(f'<text class="title" x="8" y="{y}">{title}</text>')
        top = y + 16
        y += 40
        bars = []
        for size, measured in document["sizes"].items():
            bars.append(f'<text class="size" x="8" y="{y}">{int(size):,} connection{"s" if size != "1" else ""}</text>')
            y += 8
            for name, cell in measured[question].items():
                bars.append(bar(name, cell, y))
                y += BAR + GAP
            y += 20
        for power in range(-2, 3):
            x = across(10**power)
            parts.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{top + 8}" y2="{y - 18}"/>')
            parts.append(f'<text class="note" text-anchor="middle" x="{x:.1f}" y="{top + 2}">{10**power:g} s</text>')
        parts += bars
        y += 16
    parts.append(f'<text class="note" x="8" y="{y}">Broad: wall time. Narrow: processor time of the command and all that it starts. Logarithmic.</text>')
    width, height = LEFT + WIDTH + RIGHT, y + 14
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img" aria-label="Times of autoconnect and of what else answers the same questions">'
    return f"{head}\n<style>{STYLE}</style>\n" + "\n".join(parts) + "\n</svg>\n"


def bar(name, cell, y):
    own = ' class="own"' if name.startswith("autoconnect") else ""
    label = f'<text text-anchor="end" x="{LEFT - 8}" y="{y + 12}">{escape(name)}</text>'
    if "more_than_s" in cell:
        end = across(cell["more_than_s"])
        drawn = f'<rect class="wall" x="{LEFT}" y="{y}" width="{end - LEFT:.1f}" height="{BAR}"/>'
        said = f'more than {cell["more_than_s"]} s'
    else:
        end, inner = across(cell["wall_s"]), across(cell["processor_s"])
        drawn = f'<rect class="wall" x="{LEFT}" y="{y}" width="{end - LEFT:.1f}" height="{BAR}"/>'
        drawn += f'<rect class="processor" x="{LEFT}" y="{y + 5}" width="{inner - LEFT:.1f}" height="{BAR - 10}"/>'
        said = f'{seconds(cell["wall_s"])}, {cell["requests"]:,} requests, {cell["memory_mib"]:.0f} MiB'
    return f'<g{own}>{label}{drawn}<text x="{end + 8:.1f}" y="{y + 12}">{said}</text></g>'


def seconds(value):
    return f"{value:.2f} s" if value < 10 else f"{value:.0f} s"


def tables(document):
    for question, title in QUESTIONS.items():
        print(f"{title}:\n\n| connections | | wall time | of autoconnect's | processor time | peak memory | requests |\n|---|---|---|---|---|---|---|")
        for size, measured in document["sizes"].items():
            own = measured[question]["autoconnect"]["wall_s"]
            for name, cell in measured[question].items():
                if "more_than_s" in cell:
                    print(f'| {int(size):,} | {name} | more than {cell["more_than_s"]} s | | | | |')
                    continue
                ratio = cell["wall_s"] / own
                print(
                    f'| {int(size):,} | {name} | {seconds(cell["wall_s"])} | {f"{ratio:.1f}" if ratio < 10 else f"{ratio:.0f}"} × '
                    f'| {seconds(cell["processor_s"])} | {cell["memory_mib"]:.0f} MiB | {cell["requests"]:,} |'
                )
        print()


if __name__ == "__main__":
    measured = json.loads((FOLDER / "alternatives.json").read_text())
    (FOLDER / "alternatives.svg").write_text(figure(measured))
    tables(measured)
