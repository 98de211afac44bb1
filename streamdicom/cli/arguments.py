"""The declaration of a command, and the argparse parser made from it.

This module and those that declare commands are imported for `--help` and `--version` too. Therefore they import nothing
of streamdicom, and of the standard library only modules that take little time.
"""

from __future__ import annotations

import sys
from argparse import Action, ArgumentParser, ArgumentTypeError, Namespace, RawDescriptionHelpFormatter
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

from streamdicom.cli.exit_codes import EXIT_CODES, SKIPPED, UsageError

if TYPE_CHECKING:
    from pathlib import Path

_MAX_OPTION_WIDTH = 32  # characters
_DESCRIPTION = "Read, write, check and convert DICOM JSON, Native DICOM XML and DICOM files as streams."


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
    return option(flag, text=text, default=default, dest=dest, type=_one_of(choices), choices=choices)


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


def path(text: str) -> Path:
    """Return the path of a file or a folder.

    Raises:
        ArgumentTypeError: The text is empty, which would be taken for the current folder, or a URL, which would be
            taken for a folder named after its scheme.

    >>> path("a/b.json").name
    'b.json'
    """
    from pathlib import Path  # not needed for --help

    if not text:
        raise ArgumentTypeError("expected a path, found an empty text")
    scheme, separator, _ = text.partition("://")
    if separator and scheme.isalnum():
        raise ArgumentTypeError(f"expected the path of a local file or folder, found a URL: {text!r}")
    return Path(text)


def place(text: str) -> Path | str:
    """Return a path, or a URL for fsspec as it is.

    Raises:
        ArgumentTypeError: The text is empty.

    >>> place("s3://bucket/a.json"), place("a/b.json").name
    ('s3://bucket/a.json', 'b.json')
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
            raise ArgumentTypeError(f"expected an integer {bounds}, found {text!r}")
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
        raise ArgumentTypeError(f"expected a number of seconds above 0, found {text!r}")
    return value


def _one_of(choices: Sequence[str]) -> Callable[[str], str]:
    def parse(text: str) -> str:
        # argparse would check this too, but the text of its error depends on the version of Python.
        if text not in choices:
            raise ArgumentTypeError(f"invalid choice: {text!r} (choose from {', '.join(choices)})")
        return text

    return parse


# --- parsers ---------------------------------------------------------------------------------------------------


class _Parser(ArgumentParser):
    """A parser that raises ``UsageError`` for wrong arguments.

    Args:
        prog: The name of the program and of the command.
        texts: The paragraphs of the description.
        settings: Other arguments of ``ArgumentParser``.
    """

    def __init__(self, prog: str, texts: Sequence[str] = (), **settings: Any) -> None:
        super().__init__(prog=prog, add_help=False, allow_abbrev=False, formatter_class=_Formatter, **settings)
        self._texts = texts

    def format_help(self) -> str:
        from shutil import get_terminal_size  # only the help needs them, and they take long to import
        from textwrap import fill

        width = get_terminal_size().columns - 2  # as argparse has it
        self.formatter_class = partial(_Formatter, width=width)
        self.description = "\n\n".join(fill(text, width) for text in self._texts if text)
        return super().format_help()

    def error(self, message: str) -> NoReturn:
        _, *command = self.prog.split()
        place = f"{command[0]}: " if command else ""
        raise UsageError(f"{place}{message}; see '{self.prog} --help'")


class _Formatter(RawDescriptionHelpFormatter):
    """A formatter with more room for options; other texts are wrapped before."""

    def __init__(self, prog: str, width: int = 80) -> None:
        super().__init__(prog, max_help_position=_MAX_OPTION_WIDTH, width=width)


class _Help(Action):
    """Print the help, and end the process.

    That of argparse hides errors of the output in some versions of Python.
    """

    def __call__(self, parser: ArgumentParser, *_: Any) -> NoReturn:
        sys.stdout.write(parser.format_help())
        raise SystemExit(0)


_HELP = Argument(("-h", "--help"), {"action": _Help, "nargs": 0, "help": "Print this help."})
_VERBOSITY = Group(
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


def command_parser(command: Command) -> ArgumentParser:
    """Return the parser of a command."""
    prog = f"streamdicom {command.name}"
    parser = _Parser(
        prog,
        usage=f"{prog} [OPTIONS] {_usage(command)}".rstrip(),
        texts=(command.summary, command.description),
        epilog=_exit_codes(command.exit_codes),
    )
    _add(parser, command)
    return parser


def parse_arguments(parser: ArgumentParser, arguments: Sequence[str]) -> Namespace:
    """Parse the arguments of a command; options can stand between any two of them.

    Raises:
        UsageError: The arguments are wrong.
    """
    parsed, left = parser.parse_known_args(arguments)
    return parser.parse_intermixed_args(arguments) if left else parsed


def main_parser(commands: Sequence[Command], *, path_completion: Any = None) -> ArgumentParser:
    """Return the parser of the arguments before the name of a command.

    Args:
        commands: The commands that its help lists.
        path_completion: The way in which a shell completes paths, as shtab has it. With it, the parsers of the commands
            have all arguments, which shell completion needs and the help does not.
    """
    parser = _Parser(
        "streamdicom",
        usage="streamdicom [-h] [--version] [-v | -q] COMMAND ...",
        texts=(_DESCRIPTION,),
        epilog=_exit_codes({}),
    )
    added = parser.add_subparsers(title="commands", metavar="COMMAND", parser_class=_Parser, prog="streamdicom")
    for command in commands:
        inner = added.add_parser(command.name, help=command.summary)
        if path_completion is not None:
            _add(inner, command, path_completion)
    for argument in (_HELP, Argument(("--version",), {"action": "store_true", "help": "Print the version."})):
        _add_argument(parser, argument)
    _add_group(parser, _VERBOSITY)
    return parser


def _add(parser: ArgumentParser, command: Command, path_completion: Any = None) -> None:
    for argument in (*command.arguments, _HELP, _VERBOSITY):
        if isinstance(argument, Group):
            _add_group(parser, argument, path_completion)
        else:
            _add_argument(parser, argument, path_completion)


def _add_group(parser: ArgumentParser, group: Group, path_completion: Any = None) -> None:
    added: Any = parser.add_argument_group(group.title)
    if group.is_exclusive:
        added = added.add_mutually_exclusive_group()
    for argument in group.arguments:
        _add_argument(added, argument, path_completion)


def _add_argument(parser: Any, argument: Argument, path_completion: Any = None) -> None:
    action = parser.add_argument(*argument.names, **argument.settings)
    if path_completion is not None and action.type in (path, place):
        action.complete = path_completion


def _usage(command: Command) -> str:
    """Return the required arguments, as they stand in the first line of the help."""
    parts = []
    for argument in command.arguments:
        if isinstance(argument, Argument):
            metavar = argument.settings.get("metavar", "")
            if argument.settings.get("required"):
                parts.append(f"{argument.names[0]} {metavar}")
            elif not argument.names[0].startswith("-"):
                nargs = argument.settings.get("nargs")
                parts.append(f"[{metavar}]" if nargs == "?" else f"{metavar}..." if nargs else metavar)
    return " ".join(parts)


def _exit_codes(own: dict[int, str]) -> str:
    codes = {**EXIT_CODES, **own}
    if SKIPPED not in own:
        del codes[SKIPPED]
    return "exit codes:\n" + "\n".join(f"  {code:>3}  {meaning}" for code, meaning in codes.items())


def values_of(arguments: Namespace, group: Group) -> dict[str, Any]:
    """Return the values of a group of arguments by their names."""
    return {name: getattr(arguments, name) for name in group.destinations}
