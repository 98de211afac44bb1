"""Person names as ``PersonName`` elements (PS3.19 A.1.5, PS3.5 6.2.1)."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from streamdicom.dicom import NAME_GROUPS
from streamdicom.events import PersonName

COMPONENTS = ("FamilyName", "GivenName", "MiddleName", "NamePrefix", "NameSuffix")
"""The components of a group, in the order of PS3.5 6.2.1.1."""

EMPTY_NAME: PersonName = ("", "", "")


def parse_name(groups: Mapping[str, Mapping[str, str]]) -> PersonName:
    """Return a person name from its components by group.

    A group ends with its last component that is present, even if that is empty.

    >>> parse_name({"Ideographic": {"GivenName": "Yamada"}})
    ('', '^Yamada', '')
    """
    alphabetic, ideographic, phonetic = [_joined(groups.get(group, {})) for group in NAME_GROUPS]
    return alphabetic, ideographic, phonetic


def _joined(components: Mapping[str, str]) -> str:
    texts = [components.get(name) for name in COMPONENTS]
    while texts and texts[-1] is None:
        texts.pop()
    return "^".join([text or "" for text in texts])


def name_markup(name: PersonName, escape: Callable[[str], str]) -> str:
    """Return the content of ``PersonName``, without the groups that are empty.

    Args:
        name: The component groups.
        escape: The function that escapes text for XML.

    Raises:
        TypeError, ValueError, AttributeError: The name is not a tuple of three str.

    >>> name_markup(("Doe^Jane", "", ""), str)
    '<Alphabetic><FamilyName>Doe</FamilyName><GivenName>Jane</GivenName></Alphabetic>'
    """
    if isinstance(name, str):
        raise TypeError
    groups = zip(NAME_GROUPS, name, strict=True)
    return "".join(
        [
            f"<{group}>{_components_markup(escape(text))}</{group}>"
            for group, text in groups
            if text or text not in ("", None)
        ]
    )


def _components_markup(text: str) -> str:
    # More than five components stay together in the last one, and an empty last one is written, so that a parser
    # joins them to the same text.
    *first, last = zip(COMPONENTS, text.split("^", len(COMPONENTS) - 1), strict=False)
    parts = [part for part in first if part[1]]
    return "".join([f"<{name}>{part}</{name}>" if part else f"<{name}/>" for name, part in [*parts, last]])
