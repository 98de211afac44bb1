"""The argparse parsers made from the declarations of commands.

They print the help and the errors of arguments. The plain arguments of most runs need none: see
``cli.plain_arguments``.
"""

from __future__ import annotations

import sys
from argparse import SUPPRESS, Action, ArgumentParser, ArgumentTypeError, RawDescriptionHelpFormatter
from collections.abc import Callable, Sequence
from functools import partial

from streamdicom._typing import Any, NoReturn
from streamdicom.cli.arguments import VERBOSITY, Argument, Arguments, Command, Group, InvalidArgument, path, place
from streamdicom.cli.exit_codes import EXIT_CODES, SKIPPED, UsageError

_MAX_OPTION_WIDTH = 32  # characters
_DESCRIPTION = "Read, write, check and convert DICOM JSON, Native DICOM XML and DICOM files as streams."


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


_HELP = Argument(("-h", "--help"), {"action": _Help, "nargs": 0, "default": SUPPRESS, "help": "Print this help."})


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


def parse_arguments(parser: ArgumentParser, arguments: Sequence[str]) -> Arguments:
    """Parse the arguments of a command; options can stand between any two of them.

    Raises:
        UsageError: The arguments are wrong.
    """
    parsed, left = parser.parse_known_args(arguments, Arguments())
    return parser.parse_intermixed_args(arguments, Arguments()) if left else parsed


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
    _add_group(parser, VERBOSITY)
    return parser


def _add(parser: ArgumentParser, command: Command, path_completion: Any = None) -> None:
    for argument in (*command.arguments, _HELP, VERBOSITY):
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
    kind = argument.settings.get("type")
    settings = argument.settings if kind is None else {**argument.settings, "type": _raising(kind)}
    action = parser.add_argument(*argument.names, **settings)
    if path_completion is not None and kind in (path, place):
        action.complete = path_completion


def _raising(kind: Callable[[str], Any]) -> Callable[[str], Any]:
    """Return a type that raises the exception whose text argparse prints."""

    def parse(text: str) -> Any:
        try:
            return kind(text)
        except InvalidArgument as error:
            raise ArgumentTypeError(str(error)) from error

    return parse


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
