"""Check the English of docstrings, comments and documents.

Usage: python tools/prose.py PATH...

Three checks, each with the place of the offence:

- banned constructions, which no reader should have to untangle;
- a docstring's first line has at most 80 characters;
- the rate of a few vague words stays at or below that of websockets 17.4, measured with this program over its source
  (occurrences per 1,000 words of docstrings and comments).
"""

from __future__ import annotations

import argparse
import ast
import io
import re
import sys
import tokenize
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

MAX_FIRST_LINE = 80  # characters

# Per 1,000 words.
MAX_RATES = {"what": 0.25, "come": 0.0, "told": 0.23, "behind": 0.15}

_VAGUE = {
    "what": re.compile(r"\bwhat(?:ever)?\b", re.IGNORECASE),
    "come": re.compile(r"\b(?:comes?|came|coming)\b", re.IGNORECASE),
    "told": re.compile(r"\b(?:tells?|told|telling)\b", re.IGNORECASE),
    "behind": re.compile(r"\bbehind\b", re.IGNORECASE),
}
_BANNED = re.compile(
    r"\b(?:whoever|such as is|gone on with|what there is|one that|ones that|those of|of which none|"
    r"has come|have come|(?:is|are) (?-i:none))\b",
    re.IGNORECASE,
)
_BANNED_IN_TEST_NAMES = re.compile(r"(?:^|_)(?:what|whatever|whoever|told|behind|comes?|gone_on)(?:_|$)")
_WORD = re.compile(r"[A-Za-z][A-Za-z']*")
_FENCE = re.compile(r"^\s*(?:```|~~~)")
_CODE = re.compile(r"``[^`]*``|`[^`]*`")
_MAX_TEST_NAME = 80  # characters
_GENERATED = {"_build", "_generated", "node_modules"}


@dataclass
class Findings:
    """Offences and counts, over all files."""

    words: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    places: list[str] = field(default_factory=list)
    vague: list[str] = field(default_factory=list)

    def add_line(self, place: str, line: str) -> None:
        """Check one line of prose."""
        text = _CODE.sub(" ", line)
        self.words += len(_WORD.findall(text))
        for name, pattern in _VAGUE.items():
            found = len(pattern.findall(text))
            if found:
                self.counts[name] += found
                self.vague.append(f"{place}: '{name}': {line.strip()}")
        for match in _BANNED.finditer(text):
            self.places.append(f"{place}: banned: '{match[0]}'")

    def rates(self) -> dict[str, float]:
        """Return occurrences per 1,000 words."""
        return {name: 1000 * self.counts[name] / max(self.words, 1) for name in MAX_RATES}


def main() -> int:
    """Check the paths of the command line; return the exit code."""
    parser = argparse.ArgumentParser(description="Check the English of docstrings, comments and documents.")
    parser.add_argument("paths", nargs="+", type=Path)
    parser.add_argument("--rates", action="store_true", help="print the rates only")
    arguments = parser.parse_args()
    findings = Findings()
    for path in _files(arguments.paths):
        _check(path, findings)
    rates = findings.rates()
    print(f"{findings.words} words; per 1,000: " + ", ".join(f"{name} {rate:.2f}" for name, rate in rates.items()))
    if arguments.rates:
        return 0
    too_often = {name for name, rate in rates.items() if rate > MAX_RATES[name]}
    places = findings.places + [line for line in findings.vague if any(f"'{name}':" in line for name in too_often)]
    print(*places, sep="\n", end="\n" if places else "")
    for name in sorted(too_often):
        print(f"'{name}' stands {rates[name]:.2f} times in 1,000 words; at most {MAX_RATES[name]} are allowed")
    return 1 if places else 0


def _files(paths: list[Path]) -> Iterator[Path]:
    for path in paths:
        if path.is_dir():
            found = (path for path in path.rglob("*") if path.suffix in (".py", ".md"))
            yield from sorted(path for path in found if not _GENERATED & set(path.parts))
        else:
            yield path


def _check(path: Path, findings: Findings) -> None:
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".md":
        for number, line in _prose_of_markdown(text):
            findings.add_line(f"{path}:{number}", line)
        return
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            _check_docstring(path, node, findings)
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            findings.add_line(f"{path}:{token.start[0]}", token.string)


def _check_docstring(path: Path, node: ast.AST, findings: Findings) -> None:
    name = getattr(node, "name", "")
    if name.startswith("test_") and (_BANNED_IN_TEST_NAMES.search(name) or len(name) > _MAX_TEST_NAME):
        findings.places.append(f"{path}:{getattr(node, 'lineno', 1)}: test name: {name}")
    for statement in getattr(node, "body", []):
        if not (isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)):
            continue
        if not isinstance(statement.value.value, str):
            continue
        lines = statement.value.value.splitlines() or [""]
        is_docstring = statement is node.body[0]  # type: ignore[attr-defined]
        if is_docstring and len(lines[0]) > MAX_FIRST_LINE:
            findings.places.append(f"{path}:{statement.lineno}: a first line of {len(lines[0])} characters")
        for number, line in enumerate(lines):
            if not line.lstrip().startswith((">>>", "...")):
                findings.add_line(f"{path}:{statement.lineno + number}", line)


def _prose_of_markdown(text: str) -> Iterator[tuple[int, str]]:
    is_code = False
    for number, line in enumerate(text.splitlines(), 1):
        if _FENCE.match(line):
            is_code = not is_code
        elif not is_code:
            yield number, line


if __name__ == "__main__":
    sys.exit(main())
