"""The commands, their arguments, and what becomes of errors."""

from __future__ import annotations

import logging
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

import streamdicom
from streamdicom.cli.convert import convert_file
from streamdicom.cli.demo import run_demo
from streamdicom.cli.show import show_file
from streamdicom.cli.streams import CallError
from streamdicom.errors import StreamDicomError

__all__ = ["app", "run"]

app = typer.Typer(
    name="streamdicom",
    help="DICOM JSON (PS3.18 Annex F) as a stream.",
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)

_In = Annotated[Path, typer.Argument(metavar="IN", help="A file, or - for a pipe.")]
_Out = Annotated[Path, typer.Argument(metavar="OUT", help="A file, or - for a pipe.")]
_Indent = Annotated[int | None, typer.Option(min=0, max=16, help="Spaces for each level of the JSON text.")]
_FileMeta = Annotated[bool, typer.Option("--file-meta", help="Write group 0002 into the JSON too.")]


def run() -> None:
    """Run the command line on ``sys.argv``, and exit."""
    warnings.showwarning = _show_warning
    logging.getLogger("pydicom").addHandler(logging.NullHandler())  # its warnings come as warnings too
    app()


@contextmanager
def _told() -> Iterator[None]:
    """Say in one line what went wrong, and turn it into an exit code."""
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        # Nothing that is still in the buffer may be tried again when Python exits.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(141) from None
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
    except (CallError, FileNotFoundError, PermissionError, IsADirectoryError, NotADirectoryError) as error:
        raise _exit(2, error) from None
    except (StreamDicomError, OSError) as error:
        raise _exit(1, error) from None


def _exit(code: int, error: Exception) -> typer.Exit:
    message = f"{error.filename}: {error.strerror}" if isinstance(error, OSError) and error.filename else str(error)
    print(f"streamdicom: {' '.join(message.split())}", file=sys.stderr)
    return typer.Exit(code)


def _show_warning(message: Warning | str, *_: object, **__: object) -> None:
    print(f"streamdicom: warning: {' '.join(str(message).split())}", file=sys.stderr)


@app.callback(invoke_without_command=True)
def _options(
    version: Annotated[bool, typer.Option("--version", help="Print the version, and exit.", is_eager=True)] = False,
) -> None:
    if version:
        print(streamdicom.__version__)
        raise typer.Exit


@app.command()
def demo() -> None:
    """Write pydicom's own files as one DICOM JSON array, read it back, and compare every element."""
    with _told():
        if not run_demo():
            raise typer.Exit(1)


@app.command()
def convert(source: _In, target: _Out, indent: _Indent = None, file_meta: _FileMeta = False) -> None:
    """Convert a DICOM file (.dcm) to DICOM JSON (.json), or back."""
    with _told():
        convert_file(source, target, indent, file_meta)


@app.command()
def show(source: _In) -> None:
    """Print the elements of a DICOM JSON stream or a DICOM file as a tree, while it is read."""
    with _told():
        show_file(source)
