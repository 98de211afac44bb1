"""The declaration of commands, and the types of their arguments."""

from __future__ import annotations

from importlib import import_module

import pytest

from streamdicom.cli import COMMANDS
from streamdicom.cli.arguments import Argument, Group, InvalidArgument, integer, path, seconds
from streamdicom.cli.exit_codes import UsageError
from streamdicom.cli.parsers import command_parser, parse_arguments
from tests.support.each import each


@each("name", COMMANDS)
def test_every_command_has_a_module_with_run(name: str) -> None:
    assert callable(import_module(f"streamdicom.cli.{COMMANDS[name].module}").run)


@each("name", COMMANDS)
def test_every_argument_has_help(name: str) -> None:
    for argument in COMMANDS[name].arguments:
        for inner in argument.arguments if isinstance(argument, Group) else (argument,):
            assert isinstance(inner, Argument)
            assert inner.settings["help"].endswith("."), inner.names


def test_options_can_stand_anywhere() -> None:
    parser = command_parser(COMMANDS["convert"])
    parsed = parser.parse_args(["--keys", "camel", "a.json", "-v", "-", "--include", "A", "--include", "B"])
    assert (parsed.source, parsed.target, parsed.keys, parsed.verbosity) == ("a.json", "-", "camel", 1)
    assert parsed.include == ["A", "B"]
    assert parser.parse_args(["a", "b"]).include == []


@each(
    "arguments",
    [
        ["a.json", "b.json", "-n", "3", "--seed", "1"],
        ["a.json", "-n", "3", "b.json", "--seed", "1"],
        ["-n", "3", "a.json", "--seed", "1", "b.json"],
        ["a.json", "-n", "3", "--seed", "1", "b.json"],
    ],
)
def test_options_can_stand_before_an_argument_that_is_not_required(arguments: list[str]) -> None:
    parsed = parse_arguments(command_parser(COMMANDS["sample"]), arguments)
    assert (parsed.source, parsed.target, parsed.number, parsed.seed) == ("a.json", "b.json", 3, 1)


def test_options_can_stand_between_files() -> None:
    parsed = parse_arguments(command_parser(COMMANDS["validate"]), ["a", "--strict", "b", "--max", "3", "c", "-v"])
    assert (parsed.sources, parsed.strict, parsed.max, parsed.verbosity) == (
        ["a", "b", "c"],
        True,
        3,
        1,
    )
    parsed = parse_arguments(command_parser(COMMANDS["export"]), ["a", "-o", "out.json", "b"])
    assert (parsed.sources, parsed.output) == (["a", "b"], "out.json")


def test_argument_too_many_and_unknown_option_are_refused() -> None:
    parser = command_parser(COMMANDS["sample"])
    for left in ("c.json", "--no-such-option"):
        with pytest.raises(UsageError, match=f"unrecognized arguments: {left}"):
            parse_arguments(parser, ["a.json", "-n", "3", "b.json", left])


def test_empty_text_is_not_a_path() -> None:
    with pytest.raises(InvalidArgument, match="empty text"):
        path("")


@each("text", ["s3://bucket/a", "https://example.org", "file:///tmp/a"])
def test_url_is_not_a_path(text: str) -> None:
    with pytest.raises(InvalidArgument, match="URL"):
        path(text)


@each("text", ["a", "-", "a:b/c", "C:\\a", "a b://c"])
def test_path_can_have_any_other_form(text: str) -> None:
    assert path(text) == text


@each("text", ["0", "10", "-1", "x", "1.5", "\u00b2", ""])
def test_integer_has_bounds(text: str) -> None:
    with pytest.raises(InvalidArgument, match="from 1 to 9"):
        integer(1, 9)(text)


@each("text", ["0", "-1", "nan", "inf", "x", ""])
def test_duration_is_finite_and_positive(text: str) -> None:
    with pytest.raises(InvalidArgument, match="above 0"):
        seconds(text)
