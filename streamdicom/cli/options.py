"""The options that several commands have, declared once: how JSON is written, and how it is read.

The name of a parameter is that of the field of ``WriteOptions`` or ``ReadOptions``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from functools import wraps
from inspect import Parameter, signature
from typing import Annotated, Any, TypeAlias, get_args

import typer

from streamdicom.cli.inputs import CallError, calling
from streamdicom.options import (
    CharacterSet,
    Keys,
    Nonfinite,
    NumberHandling,
    OnError,
    Profile,
    ReadOptions,
    WriteOptions,
)

Group: TypeAlias = Mapping[str, Any]
"""For each parameter its type, annotated as typer has it."""

Chosen: TypeAlias = Mapping[str, Any]
"""What was chosen, by the names of the parameters."""

_MOST_SPACES = 16


def _one_of(kind: Any) -> Any:
    """An enumeration of the values of a literal type, which not every version of typer takes."""
    return StrEnum("Choice", [(value, value) for value in get_args(kind)])


def _flag(name: str, text: str) -> Any:
    return Annotated[bool, typer.Option(name, help=text)]


def _choice(kind: Any, text: str) -> Any:
    return Annotated[_one_of(kind), typer.Option(help=text)]


INDENT: Group = {
    "indent": Annotated[
        str | None, typer.Option(metavar="N|TEXT", help=r"Spaces for each level of the JSON text, or such as '\t'.")
    ]
}
"""Apart from the others, because it is no field of ``WriteOptions``."""

FORM: Group = {
    "file_meta": _flag("--file-meta", "Write group 0002 into the JSON too."),
    "number_handling": _choice(NumberHandling, "DS, IS, SV and UV; auto: strings where doubles would change them."),
    "nonfinite": _choice(Nonfinite, "NaN and infinities."),
    "keys": _choice(Keys, "What elements are called."),
    "write_keyword": _flag("--write-keyword", "Write the keyword of each element beside its VR."),
    "write_name": _flag("--write-name", "Write its name."),
    "include_retired": _flag(" /--no-retired", "Leave retired elements out."),
    "character_set": _choice(CharacterSet, "Specific Character Set as it is, or ISO_IR 192."),
    "include": Annotated[
        list[str],
        typer.Option(metavar="PATTERN", help="Only elements like this: a tag, a keyword, 0010xxxx, a VR; repeatable."),
    ],
    "exclude": Annotated[list[str], typer.Option(metavar="PATTERN", help="No element like this; repeatable.")],
    "ensure_ascii": _flag("--ensure-ascii", "Escapes for characters beyond ASCII."),
    "escape_html": _flag("--escape-html", "Escapes for what HTML would take for its own."),
}
"""What JSON is like: of ``WriteOptions``."""

TARGET: Group = {
    "ndjson": _flag("--ndjson", "A data set on a line, as for a name that ends in .ndjson or .jsonl."),
    "trailing_newline": _flag(" /--no-trailing-newline", "No line feed at the end."),
    "transfer_syntax": Annotated[str | None, typer.Option(metavar="UID", help="The transfer syntax of a DICOM file.")],
}
"""What else may be said of one output: of ``WriteOptions``."""

READING: Group = {
    "profile": _choice(Profile, "Whether JSON may depart from the standard."),
    "on_error": _choice(OnError, "What becomes of an element whose value is wrong."),
    "deviations": Annotated[
        list[str],
        typer.Option("--deviation", metavar="CODE=ACTION", help="For one code: report, error or ignore; repeatable."),
    ],
}
"""How JSON is read: of ``ReadOptions``."""

SELECT: Group = {
    "select": Annotated[
        list[str],
        typer.Option(metavar="KEYWORD=VALUE", help="Only data sets like this; of one keyword any value is enough."),
    ]
}
"""Which data sets come: of ``ReadOptions``."""

_DEFAULTS = {"trailing_newline": True, "indent": None, "ndjson": False}


def _default(name: str) -> Any:
    if name in _DEFAULTS:
        return _DEFAULTS[name]
    if name in SELECT or name == "deviations":
        return []
    options = ReadOptions if name in READING else WriteOptions
    value = options.__dataclass_fields__[name].default
    return [] if value == () else value


def has_options(*groups: Group) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """For a command: give it the options of these groups. It gets what was chosen as its last argument, ``chosen``."""
    shared = {name: annotation for group in groups for name, annotation in group.items()}

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        own = list(signature(command, eval_str=True).parameters.values())
        added = [
            Parameter(name, Parameter.KEYWORD_ONLY, default=_default(name), annotation=annotation)
            for name, annotation in shared.items()
        ]

        @wraps(command)
        def run(**values: Any) -> None:
            chosen = {name: _plain(values.pop(name)) for name in shared}
            command(**values, chosen=chosen)

        before = [one.replace(kind=Parameter.KEYWORD_ONLY) for one in own if one.name != "chosen"]
        run.__signature__ = signature(command).replace(parameters=[*before, *added])  # type: ignore[attr-defined]
        run.__annotations__ = {one.name: one.annotation for one in (*before, *added)}
        return run

    return decorate


def _plain(value: Any) -> Any:
    return value.value if isinstance(value, StrEnum) else value


def options_of(kind: type[Any], chosen: Chosen) -> Any:
    """The options of a kind, ``WriteOptions`` or ``ReadOptions``, by what was chosen.

    Raises:
        CallError: It does not fit together, or a pattern is none.

    >>> options_of(ReadOptions, {"profile": "strict", "keys": "tag"}).profile
    'strict'
    """
    values = {name: value for name, value in chosen.items() if name in kind.__dataclass_fields__}
    if "select" in chosen and "where" in kind.__dataclass_fields__:
        values["where"] = selected_of(chosen)
    if "deviations" in values:
        values["deviations"] = dict(map(_pair, values["deviations"]))
    with calling():
        return kind(**values)


def selected_of(chosen: Chosen) -> dict[str, list[str]]:
    """Which data sets were chosen: for each keyword the values.

    Raises:
        CallError: There is no value.

    >>> selected_of({"select": ["Modality=CT", "Modality=MR"]})
    {'Modality': ['CT', 'MR']}
    """
    selected: dict[str, list[str]] = {}
    for name, value in map(_pair, chosen["select"]):
        selected.setdefault(name, []).append(value)
    return selected


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise CallError(f"a name and a value with = between them are needed, not {text!r}")
    return name, value


def indent_of(chosen: Chosen) -> int | str | None:
    r"""The indent that was chosen: a number of spaces, or the white space itself.

    Raises:
        CallError: It is neither.

    >>> indent_of({"indent": "2"}), indent_of({"indent": "\\t"}), indent_of({})
    (2, '\t', None)
    """
    text = chosen.get("indent")
    if text is None:
        return None
    if text.isdecimal() and int(text) <= _MOST_SPACES:
        return int(text)
    white = str(text).replace("\\t", "\t")
    if white.strip(" \t") or len(white) > _MOST_SPACES:
        raise CallError(f"an indent is up to {_MOST_SPACES} spaces, or such white space")
    return white
