"""Person names as they are in everything but DICOM JSON."""

from __future__ import annotations

from streamdicom.converters.registry import UNSEEN, Converter, Element
from streamdicom.dicom import join_name


class PlainNames(Converter):
    """Person names as plain strings in JSON, with ``=`` between their component groups.

    The lenient profile reads them without a converter.

    >>> PlainNames().write(Element(0x00100010, "PN", (("Yamada^Tarou", "山田^太郎", ""),))).values
    ('Yamada^Tarou=山田^太郎',)
    """

    keys = ("PN",)

    def write(self, element: Element) -> Element:
        """The values as text."""
        if element.values == UNSEEN:
            return element
        values = [None if value is None else join_name(value) for value in element.values]
        return element._replace(values=tuple(values))
