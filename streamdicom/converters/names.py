"""Person names as plain strings."""

from __future__ import annotations

from streamdicom.converters.registry import UNSEEN, Converter, Element
from streamdicom.dicom import join_name


class PlainNames(Converter):
    """Write person names as plain strings, with ``=`` between component groups.

    The lenient profile reads such names without a converter.

    >>> PlainNames().write(Element(0x00100010, "PN", (("Yamada^Tarou", "山田^太郎", ""),))).values
    ('Yamada^Tarou=山田^太郎',)
    """

    keys = ("PN",)

    def write(self, element: Element) -> Element:
        """Return the element with the names as strings."""
        if element.values == UNSEEN:
            return element
        values = [None if value is None else join_name(value) for value in element.values]
        return element._replace(values=tuple(values))
