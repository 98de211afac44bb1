"""Findings as one HTML file with search, which can be sent by mail.

The file needs no network and no other file. Texts of documents and names of files are escaped, and the content
security policy of the page allows its own script and style alone.
"""

from __future__ import annotations

import sys
from base64 import b64encode
from collections.abc import Iterable, Sequence
from hashlib import sha256
from html import escape

from streamdicom import __version__
from streamdicom._typing import IO
from streamdicom.cli.reports.base import CHECKS, Findings, Report, not_checked
from streamdicom.cli.terminal import counted, plain
from streamdicom.deviations import DEVIATIONS, Deviation, Severity
from streamdicom.errors import InputError, Location
from streamdicom.io import temporary

_STYLE = """
:root { color-scheme: light dark; font: 15px/1.5 system-ui, sans-serif; }
body { margin: 2rem auto; max-width: 110rem; padding: 0 1rem; }
h1 { font-size: 1.4rem; }
.bad { color: light-dark(#a40000, #ff8a80); }
.good { color: light-dark(#00600f, #80d58a); }
form { display: flex; flex-wrap: wrap; gap: 1rem; margin: 1rem 0; align-items: end; }
label { display: flex; flex-direction: column; }
input, select { font: inherit; padding: .3rem .5rem; min-width: 14rem; }
table { border-collapse: collapse; width: 100%; margin: 1rem 0; }
caption { text-align: left; font-weight: 600; padding: .3rem 0; }
th, td { text-align: left; vertical-align: top; padding: .3rem .6rem; border-bottom: 1px solid #8886; }
td { overflow-wrap: anywhere; }
th { position: sticky; top: 0; background: Canvas; }
td.number { text-align: right; font-variant-numeric: tabular-nums; }
[hidden] { display: none; }
"""

_SCRIPT = """
const search = document.querySelector("#search");
const choice = document.querySelector("#choice");
const shown = document.querySelector("#shown");
const rows = [...document.querySelectorAll("#rows tbody tr")];
const texts = rows.map((row) => row.textContent.toLowerCase());
function filter() {
  const words = search.value.toLowerCase().split(/\\s+/).filter(Boolean);
  let count = 0;
  rows.forEach((row, index) => {
    const fits = words.every((word) => texts[index].includes(word));
    row.hidden = !fits || Boolean(choice.value && row.dataset.kind !== choice.value);
    count += row.hidden ? 0 : 1;
  });
  shown.textContent = `${count.toLocaleString("en")} of ${rows.length.toLocaleString("en")} rows`;
}
search.addEventListener("input", filter);
choice.addEventListener("change", filter);
document.querySelector("form").addEventListener("submit", (event) => event.preventDefault());
filter();
"""


class Page:
    """A page with a summary, and a table of rows that can be searched.

    Rows wait in a temporary file, because the summary stands before them.

    Args:
        title: The title.
        columns: The heads of the columns.
        choice: What the kinds of rows are, which can be chosen.
    """

    def __init__(self, title: str, columns: Sequence[str], choice: str) -> None:
        self._title = title
        self._columns = columns
        self._choice = choice
        self._kinds: dict[str, None] = {}
        self._rows = temporary()

    def add(self, kind: str, cells: Iterable[str]) -> None:
        """Add a row."""
        self._kinds[kind] = None
        texts = "".join(f"<td>{_safe(cell)}</td>" for cell in cells)
        self._rows.write(f'<tr data-kind="{_safe(kind)}">{texts}</tr>\n'.encode())

    def write(self, output: IO[str], verdict: str, *, is_good: bool, details: Iterable[str]) -> None:
        """Write the page.

        Args:
            output: The target.
            verdict: The line that says most.
            is_good: Whether it is good news.
            details: HTML between the verdict and the rows.
        """
        policy = f"default-src 'none'; script-src '{_hash(_SCRIPT)}'; style-src '{_hash(_STYLE)}'"
        options = "".join(f"<option>{_safe(kind)}</option>" for kind in self._kinds)
        heads = "".join(f'<th scope="col">{_safe(column)}</th>' for column in self._columns)
        output.write(
            f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
            f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
            f'<meta name="viewport" content="width=device-width">\n'
            f"<title>{_safe(self._title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<main>\n"
            f"<h1>{_safe(self._title)}</h1>\n"
            f'<p class="{"good" if is_good else "bad"}"><strong>{_safe(verdict)}</strong></p>\n'
        )
        output.writelines(details)
        output.write(
            f'<form role="search">\n<label>Search<input id="search" type="search" autofocus></label>\n'
            f'<label>{_safe(self._choice)}<select id="choice"><option value="">all</option>{options}</select></label>\n'
            f'<output id="shown" aria-live="polite"></output>\n</form>\n'
            f'<table id="rows">\n<thead><tr>{heads}</tr></thead>\n<tbody>\n'
        )
        self._rows.seek(0)
        while block := self._rows.readline():
            output.write(block.decode())
        self._rows.close()
        output.write(
            f"</tbody>\n</table>\n<p>streamdicom {__version__}</p>\n</main>\n"
            f"<script>{_SCRIPT}</script>\n</body>\n</html>\n"
        )


def item(text: str) -> str:
    """Return an item of a list."""
    return f"<li>{_safe(text)}</li>\n"


def _safe(text: str) -> str:
    return escape(plain(text))


def _hash(text: str) -> str:
    return f"sha256-{b64encode(sha256(text.encode()).digest()).decode()}"


def place_cells(place: Location) -> list[str]:
    """Return the data set, the tag path, the keyword and the place in the file."""
    index = "" if place.dataset_index is None else f"[{place.dataset_index}]"
    where = str(Location(place.byte_offset, line=place.line, column=place.column))
    return [index, place.tag_path, place.keyword, where]


class ValidationPage(Report):
    """A page of deviations."""

    def __init__(self, failing: Severity, checked: list[str]) -> None:
        super().__init__(failing, checked)
        columns = ["File", "Data set", "Element", "Keyword", "Place", "Severity", "Code", "Message"]
        self._page = Page("DICOM conformance", columns, "Code")
        self._name = ""
        self._listed = 0
        self._more = 0

    def start(self, name: str) -> None:
        self._name = name
        self._listed = 0

    def deviation(self, deviation: Deviation) -> None:
        self._listed += 1
        severity = deviation.severity.name.lower()
        cells = [self._name, *place_cells(deviation.location), severity, deviation.code, deviation.message]
        self._page.add(deviation.code, cells)

    def error(self, error: InputError) -> None:
        self._page.add("fatal", [self._name, *place_cells(error.location), "fatal", "", error.message])

    def file(self, findings: Findings) -> None:
        self._more += findings.counts.total() - self._listed

    def end(self, total: Findings) -> None:
        counts = f"{counted(total.datasets, 'data set')}, {counted(total.counts.total(), 'deviation')}"
        if total.errors:
            counts += f", {counted(total.errors, 'stream')} not read to the end"
        is_good = total.is_conformant(self.failing)
        verdict = f"{counts}: {self.verdict(total)}"
        self._page.write(sys.stdout, verdict, is_good=is_good, details=self._details(total))

    def _details(self, total: Findings) -> Iterable[str]:
        yield "<ul>\n"
        for name in self.checked:
            yield item(f"Checked {name}: {CHECKS[name]}")
        yield item(f"Not checked: {', '.join(not_checked(self.checked))}")
        if self._more:
            yield item(f"{self._more:,} more deviations are counted and not listed")
        yield "</ul>\n"
        if total.counts:
            yield "<table>\n<caption>Deviations by code</caption>\n<thead><tr>"
            yield '<th scope="col">Number</th><th scope="col">Severity</th><th scope="col">Code</th>'
            yield '<th scope="col">Meaning</th></tr></thead>\n<tbody>\n'
            for code, count in total.counts.most_common():
                row = DEVIATIONS[code]
                cells = f"<td>{row.severity.name.lower()}</td><td>{code}</td><td>{_safe(row.meaning)}</td>"
                yield f'<tr><td class="number">{count:,}</td>{cells}</tr>\n'
            yield "</tbody>\n</table>\n"
