"""Arguments that are read without argparse, beside argparse."""

from __future__ import annotations

from random import Random

import pytest

from streamdicom.cli import COMMANDS
from streamdicom.cli.arguments import Argument, Command, Group, InvalidArgument
from streamdicom.cli.exit_codes import UsageError
from streamdicom.cli.parsers import command_parser, parse_arguments
from streamdicom.cli.plain_arguments import plain_arguments
from tests.support.each import each

_TEXTS = ["Modality=CT", "a/b.json", "s3://bucket/a", "3", "1.5", "-", "utf-8", "null-value=error"]


def _arguments(command: Command) -> list[Argument]:
    groups = [one.arguments if isinstance(one, Group) else (one,) for one in command.arguments]
    return [argument for group in groups for argument in group]


def _text(argument: Argument, random: Random) -> str:
    """Return a value that the type of an argument accepts."""
    choices = argument.settings.get("choices")
    if choices:
        return random.choice(choices)
    kind = argument.settings.get("type", str)
    for text in random.sample(_TEXTS, len(_TEXTS)):
        try:
            kind(text)
        except (InvalidArgument, ValueError):
            continue
        return text
    raise AssertionError(f"no text for {argument.names}")


def _line(command: Command, random: Random) -> list[str]:
    """Return arguments that a command accepts, in any order."""
    parts = []
    for argument in _arguments(command):
        name, settings = random.choice(argument.names), argument.settings
        if not name.startswith("-"):
            count = random.randint(1, 3) if settings.get("nargs") in ("*", "+") else 1
            parts += [[_text(argument, random)] for _ in range(count)]
        elif settings.get("required") or random.random() < 0.3:
            for _ in range(2 if settings.get("action") == "append" else 1):
                if settings.get("action", "append") != "append":
                    parts.append([name])
                elif settings.get("nargs") == "?":
                    continue  # which only argparse reads
                elif name.startswith("--") and random.random() < 0.5:
                    parts.append([f"{name}={_text(argument, random)}"])
                else:
                    parts.append([name, _text(argument, random)])
    parts += random.choice([[], [["-v"]], [["--quiet"]]])
    random.shuffle(parts)
    return [text for part in parts for text in part]


@each("name", COMMANDS)
def test_plain_arguments_are_those_of_argparse(name: str) -> None:
    command, random, taken = COMMANDS[name], Random(name), 0
    parser = command_parser(command)
    for _ in range(20):
        line = _line(command, random)
        plain = plain_arguments(command, line)
        if plain is not None:
            assert plain == parse_arguments(parser, line), line
            taken += 1
        for text in ("-x", "--", "-h"):
            assert plain_arguments(command, [*line, text]) is None
    assert taken >= 15
    assert plain_arguments(command, ["-v", "-q"]) is None


def test_other_forms_are_left_to_argparse() -> None:
    for line in [
        ["a", "b", "--to"], ["a", "b", "--to", "--force"], ["a", "b", "--to", "csv"], ["a", "b", "--forc"], ["a"],
        ["a", "b", "c"], ["", "b"], ["a", "b", "--force=1"], ["a", "b", "--deidentify"], ["a", "b", "--indent", "17"],
    ]:  # fmt: skip
        assert plain_arguments(COMMANDS["convert"], line) is None, line
    assert plain_arguments(COMMANDS["split"], ["a", "-n", "1"]) is None  # the output is required
    assert plain_arguments(COMMANDS["split"], ["a", "-n1", "-o", "b"]) is None
    assert plain_arguments(COMMANDS["count"], ["a", "--max", "9" * 5000]) is None


def test_default_of_one_run_is_not_that_of_another() -> None:
    first = plain_arguments(COMMANDS["show"], ["a", "--include", "PatientID"])
    assert first is not None
    assert first.include == ["PatientID"]
    for _ in range(2):
        second = plain_arguments(COMMANDS["show"], ["a"])
        assert second is not None
        assert second.include == []
        second.include.append("x")
    with pytest.raises(UsageError):
        parse_arguments(command_parser(COMMANDS["show"]), [])
