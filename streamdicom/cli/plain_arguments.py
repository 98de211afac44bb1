"""The arguments of most runs, read without argparse.

argparse takes a seventh of the time of a short run. As the innermost loops of the formats do, this reader takes
canonical forms: options by their full names, each with its value in the next argument or after an equals sign. Anything
else is left to argparse, errors and the help too.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from streamdicom._typing import Any
from streamdicom.cli.arguments import VERBOSITY, Argument, Arguments, Command, Group, InvalidArgument

_MANY = ("*", "+")


def plain_arguments(command: Command, texts: Sequence[str]) -> Arguments | None:
    """Return the values of arguments, or None if argparse must read them.

    >>> from streamdicom.cli import COMMANDS
    >>> plain_arguments(COMMANDS["count"], ["a.json", "-v"]).verbosity
    1
    >>> plain_arguments(COMMANDS["count"], ["--help"]) is None
    True
    """
    declared = list(_each(command))
    options = {name: argument.settings for argument in declared for name in argument.names if name.startswith("-")}
    found: dict[str, Any] = {}
    places: list[str] = []
    try:
        remaining = iter(texts)
        for text in remaining:
            if not text.startswith("-") or text == "-":
                places.append(text)
            elif not _take_option(options, text, remaining, found):
                return None
        if not _take_places([one for one in declared if not one.names[0].startswith("-")], places, found):
            return None
        for argument in declared:
            name = argument.settings.get("dest", argument.names[0])
            if name not in found:
                if argument.settings.get("required"):
                    return None
                found[name] = _default(argument.settings)
    except (InvalidArgument, ValueError):
        return None
    return Arguments(**found)


def _each(command: Command) -> Iterator[Argument]:
    for argument in (*command.arguments, VERBOSITY):
        if isinstance(argument, Group):
            yield from argument.arguments
        else:
            yield argument


def _take_option(
    options: dict[str, dict[str, Any]], text: str, remaining: Iterator[str], found: dict[str, Any]
) -> bool:
    name, equals, value = text.partition("=")
    settings = options.get(name)
    if settings is None or "nargs" in settings or (equals and not name.startswith("--")):
        return False
    dest, action = settings["dest"], settings.get("action", "store")
    if action in ("store_true", "store_false", "store_const"):
        if equals or (action == "store_const" and dest in found):  # -v and -q exclude each other
            return False
        found[dest] = settings["const"] if action == "store_const" else action == "store_true"
        return True
    if not equals:
        value = next(remaining, "--")
        if value.startswith("-") and value != "-":
            return False
    parsed = _parsed(settings, value)
    if action == "append":
        found.setdefault(dest, []).append(parsed)
    else:
        found[dest] = parsed
    return True


def _take_places(declared: list[Argument], texts: list[str], found: dict[str, Any]) -> bool:
    """Take the arguments without a flag; return False if their number is wrong."""
    for number, argument in enumerate(declared):
        nargs = argument.settings.get("nargs")
        if nargs in _MANY:
            count = len(texts) - (len(declared) - number - 1)
            if count < 1:
                return False
            found[argument.names[0]] = [_parsed(argument.settings, text) for text in texts[:count]]
            del texts[:count]
        elif texts:
            found[argument.names[0]] = _parsed(argument.settings, texts.pop(0))
        elif nargs != "?":
            return False
    return not texts


def _parsed(settings: dict[str, Any], text: str) -> Any:
    kind = settings.get("type")
    return kind(text) if kind is not None else text


def _default(settings: dict[str, Any]) -> Any:
    """Return the value of an option that is not given, as argparse has it."""
    action = settings.get("action")
    if action in ("store_true", "store_false"):
        return action == "store_false"
    default = settings.get("default")
    if isinstance(default, str):
        return _parsed(settings, default)
    return list(default) if isinstance(default, list) else default
