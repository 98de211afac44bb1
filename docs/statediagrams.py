"""State diagrams of the automata, drawn from their tables of moves.

The tables name the legal moves of each state. The next state of a move is read from its code: the constants that the
move, or a method that the move calls, assigns to ``self._state``.
"""

from __future__ import annotations

import ast
import inspect
import shutil
import textwrap
from collections.abc import Callable, Iterator, Mapping
from enum import IntEnum
from typing import Any

from streamdicom.events import EventType
from streamdicom.formats import writer
from streamdicom.formats.json import parser as json_parser
from streamdicom.formats.part10 import parser as part10_parser
from streamdicom.formats.xml import parser as xml_parser
from streamdicom.jsontext import TokenType

_MAX_CALLS = 4  # methods within each other

Edge = tuple[str, str, str]


def pages() -> Iterator[str]:
    """Yield the lines of the page."""
    yield from _diagram("Writers of JSON and XML", _writer_edges())
    yield from _diagram("Parser of DICOM JSON", _json_edges())
    yield from _diagram("Parser of Native DICOM XML", _xml_edges())
    yield from _diagram("Parser of DICOM files", _part10_edges())


def _diagram(title: str, edges: Iterator[Edge]) -> Iterator[str]:
    found = list(dict.fromkeys(edges))
    yield f"## {title}\n"
    if shutil.which("dot"):
        yield "```{graphviz}\ndigraph {\nrankdir=LR; node [shape=box, fontsize=10]; edge [fontsize=8];"
        grouped: dict[tuple[str, str], list[str]] = {}
        for start, label, end in found:
            grouped.setdefault((start, end), []).append(label)
        for (start, end), labels in grouped.items():
            yield f'"{start}" -> "{end}" [label="{_joined(labels)}"];'
        yield "}\n```\n"
    yield "| state | input | next state |\n| --- | --- | --- |"
    for start, label, end in found:
        yield f"| {start} | {label} | {end} |"
    yield ""


def _joined(labels: list[str]) -> str:
    return "\\n".join(labels)


# --- tables ----------------------------------------------------------------------------------------------------


def _writer_edges() -> Iterator[Edge]:
    for state, row in writer.TRANSITIONS.items():
        for kind, after in row.items():
            targets = after if isinstance(after, tuple | frozenset | set | list) else (after,)
            for target in targets:
                yield _name(state), EventType(kind).name, _name(target)


def _json_edges() -> Iterator[Edge]:
    return _edges(json_parser._MOVES, json_parser, lambda kind: TokenType(kind).name)


def _xml_edges() -> Iterator[Edge]:
    yield from _edges(xml_parser._STARTS, xml_parser, lambda name: f"<{name}>", is_xml=True)
    for state, move in xml_parser._ENDS.items():
        for target in _targets(move, xml_parser) or {_name(state)}:
            yield _name(state), "end tag", target


def _part10_edges() -> Iterator[Edge]:
    for state, step in part10_parser._STEPS.items():
        for target in sorted(_targets(step, part10_parser)):
            yield _name(state, part10_parser), step.__name__.strip("_").replace("_", " "), target


def _edges(
    table: Mapping[int, Mapping[Any, Callable[..., Any]]],
    module: Any,
    label: Callable[[Any], str],
    *,
    is_xml: bool = False,
) -> Iterator[Edge]:
    for state, row in table.items():
        for key, move in row.items():
            text = key.rpartition("}")[2].rpartition(" ")[2] if is_xml else key
            for target in sorted(_targets(move, module)) or [_name(state)]:
                yield _name(state), label(text), target


def _name(state: Any, module: Any = None) -> str:
    if isinstance(state, IntEnum):
        return state.name
    return str(module.State(state).name if module else state)


# --- next states -----------------------------------------------------------------------------------------------


def _targets(move: Callable[..., Any], module: Any, calls: int = _MAX_CALLS) -> set[str]:
    """Return the names of the states that a move may enter."""
    function = inspect.unwrap(getattr(move, "func", move))
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    except (OSError, TypeError, SyntaxError):
        return set()
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and any(_is_state(target) for target in node.targets):
            found |= _states_in(node.value, module)
        elif calls and isinstance(node, ast.Call):
            called = _method(node.func, module)
            if called is not None and called is not function:
                found |= _targets(called, module, calls - 1)
    return found


def _is_state(target: ast.expr) -> bool:
    return isinstance(target, ast.Attribute) and target.attr == "_state"


def _states_in(value: ast.expr, module: Any) -> set[str]:
    states = {state.name for state in module.State}
    names = {node.attr for node in ast.walk(value) if isinstance(node, ast.Attribute)}
    for node in ast.walk(value):
        if isinstance(node, ast.Name):
            constant = getattr(module, node.id, None)
            if isinstance(constant, int):
                names.add(module.State(constant).name)
            elif isinstance(constant, Mapping):
                names |= {module.State(state).name for state in constant.values()}
    return names & states


def _method(function: ast.expr, module: Any) -> Callable[..., Any] | None:
    if not (isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name) and function.value.id == "self"):
        return None
    for value in vars(module).values():
        if inspect.isclass(value) and value.__module__ == module.__name__ and function.attr in vars(value):
            found = vars(value)[function.attr]
            return found if callable(found) else None
    return None
