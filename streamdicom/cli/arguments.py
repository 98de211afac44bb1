"""The declaration of a command, and the types of its arguments.

This module and those that declare commands are imported whenever a command starts. Therefore they import nothing of
streamdicom but ``_records``, and of the standard library only modules that take little time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import SimpleNamespace

from streamdicom._records import NamedTuple
from streamdicom._typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    pass


class InvalidArgument(Exception):
    """The text of an argument is not of its type."""


class Arguments(SimpleNamespace):
    """The values of the arguments of a command."""


class Argument(NamedTuple):
    """An argument of a command, as ``ArgumentParser.add_argument`` takes it."""

    names: tuple[str, ...]
    settings: dict[str, Any]


class Group(NamedTuple):
    """Arguments that the help lists under a title.

    Only one of the arguments of an exclusive group can be given.
    """

    title: str
    arguments: tuple[Argument, ...]
    is_exclusive: bool = False

    @property
    def destinations(self) -> list[str]:
        """The names that the values have after parsing."""
        return [argument.settings["dest"] for argument in self.arguments]


class Command(NamedTuple):
    """A command.

    Attributes:
        name: Its name on the command line.
        module: The module of this package whose ``run`` takes the parsed arguments and returns the exit code.
        summary: One line, for the list of commands.
        description: Paragraphs for the help of the command, after the summary.
        arguments: Arguments and groups of them.
        exit_codes: The meaning of exit codes in this command, where the general one does not say enough.
    """

    name: str
    module: str
    summary: str
    description: str
    arguments: tuple[Argument | Group, ...]
    exit_codes: dict[int, str]


# --- arguments -------------------------------------------------------------------------------------------------


def positional(name: str, metavar: str, text: str, **settings: Any) -> Argument:
    """Return an argument without a flag."""
    return Argument((name,), {"metavar": metavar, "help": text, **settings})


def option(*flags: str, text: str, default: Any = None, **settings: Any) -> Argument:
    """Return an option with a value; the help names its default, if it has one."""
    shown = f"{text} Default: %(default)s." if default not in (None, "", []) else text
    return Argument(flags, {"dest": _destination(flags), "default": default, "help": shown, **settings})


def choice(flag: str, choices: Sequence[str], *, text: str, default: str | None = None, dest: str = "") -> Argument:
    """Return an option whose value is one of a few."""
    dest = dest or _destination((flag,))
    return option(flag, text=text, default=default, dest=dest, type=one_of(choices), choices=choices)


def repeated(flag: str, metavar: str, text: str, **settings: Any) -> Argument:
    """Return an option that can be given several times; its value is a list."""
    return option(flag, text=f"{text} Repeatable.", default=[], metavar=metavar, action="append", **settings)


def flag(*flags: str, text: str, dest: str = "", value: bool = True) -> Argument:
    """Return an option without a value."""
    action = "store_true" if value else "store_false"
    return Argument(flags, {"dest": dest or _destination(flags), "action": action, "help": text})


def _destination(flags: Sequence[str]) -> str:
    return flags[-1].lstrip("-").replace("-", "_")


# --- types -----------------------------------------------------------------------------------------------------


def path(text: str) -> str:
    """Return the path of a file or a folder.

    Raises:
        InvalidArgument: The text is empty, which would be taken for the current folder, or a URL, which would be
            taken for a folder named after its scheme.

    >>> path("a/b.json")
    'a/b.json'
    """
    if not text:
        raise InvalidArgument("expected a path, found an empty text")
    scheme, separator, _ = text.partition("://")
    if separator and scheme.isalnum():
        raise InvalidArgument(f"expected the path of a local file or folder, found a URL: {text!r}")
    return text


def place(text: str) -> str:
    """Return a path, or a URL for fsspec as it is.

    Raises:
        InvalidArgument: The text is empty.

    >>> place("s3://bucket/a.json"), place("a/b.json")
    ('s3://bucket/a.json', 'a/b.json')
    """
    scheme, separator, _ = text.partition("://")
    return text if separator and scheme.isalnum() else path(text)


def integer(minimum: int, maximum: int | None = None) -> Callable[[str], int]:
    """Return the type of integers within bounds.

    >>> integer(1, 9)("3")
    3
    """
    bounds = f"of at least {minimum}" if maximum is None else f"from {minimum} to {maximum}"

    def parse(text: str) -> int:
        if not text.isdecimal() or int(text) < minimum or (maximum is not None and int(text) > maximum):
            raise InvalidArgument(f"expected an integer {bounds}, found {text!r}")
        return int(text)

    return parse


def seconds(text: str) -> float:
    """Return a duration that is greater than zero.

    >>> seconds("1.5")
    1.5
    """
    try:
        value = float(text)
    except ValueError:
        value = 0
    if not 0 < value < float("inf"):
        raise InvalidArgument(f"expected a number of seconds above 0, found {text!r}")
    return value


def one_of(choices: Sequence[str]) -> Callable[[str], str]:
    """Return a parser of one of some words."""

    def parse(text: str) -> str:
        # argparse would check this too, but the text of its error depends on the version of Python.
        if text not in choices:
            raise InvalidArgument(f"invalid choice: {text!r} (choose from {', '.join(choices)})")
        return text

    return parse


def values_of(arguments: Arguments, group: Group) -> dict[str, Any]:
    """Return the values of a group of arguments by their names."""
    return {name: getattr(arguments, name) for name in group.destinations}


VERBOSITY = Group(
    "messages",
    (
        Argument(
            ("-v", "--verbose"),
            {
                "dest": "verbosity",
                "action": "store_const",
                "const": 1,
                "default": 0,
                "help": "Also print every deviation from the standard, the inputs that were passed over, and the "
                "traceback of an error.",
            },
        ),
        Argument(
            ("-q", "--quiet"),
            {
                "dest": "verbosity",
                "action": "store_const",
                "const": -1,
                "default": 0,
                "help": "Print errors only: no warnings, summaries or progress.",
            },
        ),
    ),
    is_exclusive=True,
)
