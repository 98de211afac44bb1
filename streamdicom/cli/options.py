"""Options that several commands share, for reading and writing.

The name of an option is that of a field of ``WriteOptions`` or ``ReadOptions``. Its choices and its default are
repeated here, and compared in a test, because importing those classes takes longer than printing the help may take.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise

from streamdicom._typing import TYPE_CHECKING, Any
from streamdicom.cli.arguments import Arguments, Group, InvalidArgument, choice, flag, option, path, repeated, values_of
from streamdicom.cli.exit_codes import UsageError, usage_errors
from streamdicom.cli.terminal import console

if TYPE_CHECKING:
    from streamdicom.options import ReadOptions, WriteOptions

_MAX_INDENT = 16  # spaces


def indent(text: str) -> int | str:
    r"""Return an indent: a number of spaces, or the white space itself.

    Raises:
        InvalidArgument: It is neither.

    >>> indent("2"), indent("\\t")
    (2, '\t')
    """
    if text.isdecimal() and int(text) <= _MAX_INDENT:
        return int(text)
    white_space = text.replace("\\t", "\t")
    if white_space.strip(" \t") or len(white_space) > _MAX_INDENT:
        raise InvalidArgument(f"expected up to {_MAX_INDENT} spaces or tabs, or their number, found {text!r}")
    return white_space


def pair(text: str) -> tuple[str, str]:
    """Split an argument such as ``Modality=CT``.

    Raises:
        InvalidArgument: It has no name or no equals sign.
    """
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise InvalidArgument(f"expected NAME=VALUE, found {text!r}")
    return name, value


INDENT = option("--indent", metavar="N|TEXT", type=indent, text=r"Spaces for each level, or white space such as '\t'.")

LISTENING = (
    option("--tls-cert", metavar="FILE", type=path, text="Speak TLS; the certificate of this server, in PEM."),
    option("--tls-key", metavar="FILE", type=path, text="The key of the certificate, if it has its own file."),
    option("--tls-client-ca", metavar="FILE", type=path, text="Refuse clients without a certificate of these CAs."),
    option("--tokens", metavar="FILE", type=path, text="Require a token; lines: read SHA256, write SHA256."),
    flag("--insecure", text="Listen beyond this machine although everyone can connect."),
)
"""Who may connect to a command."""

INCLUDE = repeated("--include", "PATTERN", "Only these elements: a tag, a keyword, 0010xxxx, a VR or a path.")
EXCLUDE = repeated("--exclude", "PATTERN", "Not these elements.")

FORM = Group(
    "form of JSON",
    (
        flag("--file-meta", text="Also write group 0002. It is always written with encapsulated pixel data."),
        choice(
            "--number-handling",
            ("number", "string", "auto"),
            default="number",
            text="JSON type of DS, IS, SV and UV; auto: strings only for numbers that a double would change.",
        ),
        choice("--nonfinite", ("string", "null", "error"), default="string", text="NaN and infinities of FL and FD."),
        choice("--keys", ("tag", "keyword", "camel"), default="tag", text="Keys of elements."),
        flag("--write-keyword", text="Write the keyword of each element next to its VR."),
        flag("--write-name", text="Write the name of each element next to its VR."),
        flag("--no-retired", dest="include_retired", value=False, text="Leave out retired elements."),
        choice(
            "--character-set",
            ("keep", "utf-8"),
            default="keep",
            text="Specific Character Set: that of the source, or ISO_IR 192.",
        ),
        INCLUDE,
        EXCLUDE,
        flag("--ensure-ascii", text="Escape characters outside ASCII."),
        flag("--escape-html", text="Escape characters that have a meaning in HTML."),
    ),
)
"""Fields of ``WriteOptions``."""

READING = Group(
    "reading",
    (
        choice(
            "--profile",
            ("lenient", "strict"),
            default="lenient",
            text="strict: every deviation from PS3.18 Annex F is an error.",
        ),
        choice(
            "--on-error",
            ("raise", "skip", "keep"),
            text="Elements whose value is not valid for their VR; by default keep for DICOM files, else raise.",
        ),
        repeated(
            "--deviation",
            "CODE=ACTION",
            "Action for deviations of one code, unless only validate checks it: report, ignore or error.",
            dest="deviations",
            type=pair,
        ),
    ),
)
"""Fields of ``ReadOptions``."""

BASIC = "basic"
"""The profile of ``--deidentify`` without options."""

NEW_KEY = "python -c 'import secrets; print(secrets.token_hex(32))'"
"""A command that prints a key for ``--key-file``."""

DEIDENTIFY = Group(
    "de-identification (PS3.15 Annex E)",
    (
        option(
            "--deidentify",
            metavar="OPTIONS",
            nargs="?",
            const=BASIC,
            text="Replace or remove what identifies patients, by the basic profile or with some of its options, "
            "separated by commas: retain-uids, retain-device-identity, retain-institution-identity, "
            "retain-patient-characteristics, retain-full-dates, retain-modified-dates, retain-safe-private, "
            "clean-descriptors, clean-structured-content, clean-graphics. Pixels are not changed.",
        ),
        option(
            "--key-file",
            metavar="FILE",
            type=path,
            text=f"A file with a secret of at least 16 bytes, such as the output of {NEW_KEY}. With the same key, UIDs "
            "are replaced and dates shifted alike.",
        ),
        option("--deidentify-report", metavar="FILE", type=path, text="Write what was done, in numbers, as JSON."),
    ),
)

FORCE = flag("--force", text="Read DICOM files that have no preamble or no File Meta Information.")

SELECT = repeated(
    "--select",
    "KEYWORD=VALUE",
    "Only data sets with this value. Of several values for one keyword, one is enough.",
    dest="where",
    type=pair,
)


def read_options(arguments: Arguments, **others: Any) -> ReadOptions:
    """Return the options for reading that the arguments ask for.

    Args:
        arguments: Of a command with any of ``READING``, ``FORCE`` and ``SELECT``.
        others: Further fields.

    Raises:
        UsageError: The arguments do not fit together, or name an unknown element or deviation.
    """
    from streamdicom.options import ReadOptions

    values: dict[str, Any] = {"force": getattr(arguments, "force", False), **others}
    if hasattr(arguments, "profile"):
        values |= values_of(arguments, READING)
        values["deviations"] = _actions(arguments.deviations)
    if hasattr(arguments, "where"):
        values["where"] = selected(arguments.where)
    if console.verbosity > 0:
        values.setdefault("on_deviation", lambda deviation: console.detail(str(deviation)))
    with usage_errors():
        return ReadOptions(**values)


def _actions(pairs: Sequence[tuple[str, str]]) -> dict[str, str]:
    """Return the action for each code.

    Raises:
        UsageError: Reading does not find such deviations.
    """
    if pairs:
        from streamdicom.deviations import DEVIATIONS  # which takes long to import

        for code, _ in pairs:
            if code in DEVIATIONS and DEVIATIONS[code].is_checked:
                raise UsageError(f"--deviation {code}: only 'streamdicom validate' checks for it")
    return dict(pairs)


def write_options(arguments: Arguments, **others: Any) -> WriteOptions:
    """Return the options for writing that the arguments ask for.

    Args:
        arguments: Of a command with ``FORM``.
        others: Further fields.

    Raises:
        UsageError: The arguments do not fit together, or name an unknown element.
    """
    from streamdicom.options import WriteOptions

    with usage_errors():
        return WriteOptions(**{**values_of(arguments, FORM), **others})


def selected(pairs: Sequence[tuple[str, str]]) -> dict[str, list[str]]:
    """Return the values of each keyword.

    >>> selected([("Modality", "CT"), ("Modality", "MR")])
    {'Modality': ['CT', 'MR']}
    """
    values: dict[str, list[str]] = {}
    for name, value in pairs:
        values.setdefault(name, []).append(value)
    return values


def note_unmatched(where: Mapping[Any, Iterable[str]]) -> None:
    """Print that no data set has the values that ``--select`` asks for."""
    conditions = ", ".join(f"{name}={value}" for name, values in where.items() for value in values)
    console.note(f"warning: no data set matches --select {conditions}")


_PROFILES = (BASIC, "retain-", "clean-")  # the starts of the options of ``--deidentify``


def with_basic_profile(arguments: Sequence[str]) -> list[str]:
    """Give ``--deidentify`` its default if a file follows, which argparse would take.

    >>> with_basic_profile(["--deidentify", "a.dcm", "b.dcm"])
    ['--deidentify=basic', 'a.dcm', 'b.dcm']
    >>> with_basic_profile(["--deidentify", "clean-graphics", "a.dcm"])
    ['--deidentify', 'clean-graphics', 'a.dcm']
    """
    flag, found = "--deidentify", list(arguments)
    for number, (text, following) in enumerate(pairwise(arguments)):
        if text == flag and _is_file(following):
            found[number] = f"{flag}={BASIC}"
    return found


def _is_file(text: str) -> bool:
    if "." in text or os.sep in text or text == "-":
        return True
    return not text.startswith(_PROFILES) and os.path.exists(text)
