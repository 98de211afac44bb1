"""The command line as a whole: from the arguments of the process to its exit code."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from importlib import import_module

from streamdicom.cli.commands import COMMANDS
from streamdicom.cli.exit_codes import DONE, USAGE, UsageError, exit_code_of
from streamdicom.cli.plain_arguments import plain_arguments
from streamdicom.cli.terminal import console, printed_warnings, signals_as_exit, standard_streams


def run(arguments: Sequence[str], on_start: Callable[[], object]) -> int:
    """Run the command line, and return the exit code.

    Args:
        arguments: The arguments of the process, without its name.
        on_start: See ``main``.
    """
    with standard_streams(), printed_warnings(), signals_as_exit():
        return exit_code_of(lambda: _run(arguments, on_start))


def _run(arguments: Sequence[str], on_start: Callable[[], object]) -> int:
    position = next((index for index, text in enumerate(arguments) if not text.startswith("-")), len(arguments))
    verbosity = 0
    if position or not arguments:
        from streamdicom.cli.parsers import main_parser  # which takes long to import

        parser = main_parser(list(COMMANDS.values()))
        parsed = parser.parse_args(arguments[:position])
        if parsed.version:
            return _print_version()
        if position == len(arguments):
            sys.stdout.write(parser.format_help())
            return USAGE
        verbosity = parsed.verbosity
    return _run_command(arguments[position], arguments[position + 1 :], verbosity, on_start)


def _print_version() -> int:
    from streamdicom import __version__, engine

    sys.stdout.write(f"{__version__} ({engine} engine)\n")
    return DONE


def _run_command(name: str, arguments: Sequence[str], verbosity: int, on_start: Callable[[], object]) -> int:
    command = COMMANDS.get(name)
    if command is None:
        raise UsageError(f"no such command: {name!r} (choose from {', '.join(COMMANDS)})")
    parsed = plain_arguments(command, arguments)
    if parsed is None:
        from streamdicom.cli.options import DEIDENTIFY, with_basic_profile
        from streamdicom.cli.parsers import command_parser, parse_arguments

        if DEIDENTIFY in command.arguments:
            arguments = with_basic_profile(arguments)
        parsed = parse_arguments(command_parser(command), arguments)
    console.verbosity = parsed.verbosity or verbosity
    module = import_module(f"streamdicom.cli.{command.module}")
    on_start()
    code: int = module.run(parsed)
    return code
