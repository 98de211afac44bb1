"""The moves within PersonName (PS3.19 A.1.5)."""

from __future__ import annotations

from streamdicom.formats.xml.attribute import NO_XML_ATTRIBUTES, AttributeParser
from streamdicom.formats.xml.person_names import parse_name
from streamdicom.formats.xml.states import ParserState
from streamdicom.formats.xml.values import PARSERS
from streamdicom.options import ReadOptions


class NameParser(AttributeParser):
    """The part of ``XmlParser`` that parses person names.

    Args:
        options: See ``AttributeParser``.
        offset: See ``AttributeParser``.
    """

    def __init__(self, options: ReadOptions, offset: int) -> None:
        super().__init__(options, offset)
        self._name: dict[str, dict[str, str]] = {}  # components by group
        self._group: dict[str, str] = {}
        self._component = ""

    def _start_name(self, attributes: dict[str, str]) -> None:
        if not self._take_number(attributes):
            return
        self._count += 1
        self._parse = PARSERS["PN"]
        self._name = {}
        self._state = ParserState.NAME

    def _end_name(self) -> None:
        name = parse_name(self._name)
        self._hold(name, sum(map(len, name)))

    def _start_group(self, group: str, attributes: dict[str, str]) -> None:
        self._check_attributes(attributes, NO_XML_ATTRIBUTES)
        if group in self._name:
            self._policy.report("unknown-member", f"expected one {group} in a PersonName, found a second one")
            self._skip(ParserState.NAME)
        else:
            self._group = self._name[group] = {}
            self._state = ParserState.GROUP

    def _end_group(self) -> None:
        if not self._group:
            self._policy.report("empty-name-group", "expected a component in a component group, found none")
        self._state = ParserState.NAME

    def _start_component(self, component: str, attributes: dict[str, str]) -> None:
        self._check_attributes(attributes, NO_XML_ATTRIBUTES)
        if component in self._group:
            self._policy.report("unknown-member", f"expected one {component} in a component group, found a second one")
            self._skip(ParserState.GROUP)
        else:
            self._component = component
            self._state = ParserState.COMPONENT

    def _end_component(self) -> None:
        self._pause()
        if self._state == ParserState.SKIPPED:
            self._end_skipped()
        else:
            self._group[self._component] = self._take_text()
            self._state = ParserState.GROUP
