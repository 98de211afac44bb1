"""``streamdicom completion``: print the completion script of a shell."""

from __future__ import annotations

import sys
from argparse import Namespace

from streamdicom.cli.arguments import main_parser
from streamdicom.cli.commands import COMMANDS
from streamdicom.cli.exit_codes import DONE, UsageError


def run(arguments: Namespace) -> int:
    """Run the command."""
    try:
        import shtab
    except ModuleNotFoundError:
        raise UsageError('shtab is not installed; install "streamdicom[cli]"') from None
    parser = main_parser(list(COMMANDS.values()), path_completion=shtab.FILE)
    sys.stdout.write(shtab.complete(parser, arguments.shell))
    return DONE
