"""``streamdicom completion``: print the completion script of a shell."""

from __future__ import annotations

import sys

from streamdicom.cli.arguments import Arguments
from streamdicom.cli.commands import COMMANDS
from streamdicom.cli.exit_codes import DONE, UsageError
from streamdicom.cli.parsers import main_parser


def run(arguments: Arguments) -> int:
    """Run the command."""
    try:
        import shtab
    except ModuleNotFoundError:
        raise UsageError('shtab is not installed; install "streamdicom[cli]"') from None
    parser = main_parser(list(COMMANDS.values()), path_completion=shtab.FILE)
    sys.stdout.write(shtab.complete(parser, arguments.shell))
    return DONE
