"""The report of a de-identification."""

from __future__ import annotations

from collections.abc import Mapping

from streamdicom._records import field, record
from streamdicom._typing import Any
from streamdicom.dicom import format_tag, keyword

PRIVATE = "private"
UNKNOWN = "unknown"

_ACTIONS = {"X": "removed", "Z": "emptied", "D": "replaced", "U": "uids replaced", "C": "cleaned", "K": "retained"}


@record(slots=True)
class DeidentificationReport:
    """Elements by action, in numbers; it has no values of elements.

    Attributes:
        datasets: Data sets.
        elements: Elements by action, then by keyword. Private elements and elements that are not in the data dictionary
            count as "private" and "unknown". The actions are "removed", "emptied", "replaced" (by a dummy), "uids
            replaced", "cleaned" and "retained" (because of an option).
        burned_in_annotation: Data sets by their Burned In Annotation: "YES", "NO", or "not stated". Text in pixels is
            not removed.
        recognizable_visual_features: The same for Recognizable Visual Features, such as faces.

    >>> report = DeidentificationReport()
    >>> report.count("X", 0x00081030)
    >>> report.elements
    {'removed': {'StudyDescription': 1}}
    """

    datasets: int = 0
    elements: dict[str, dict[str, int]] = field(default_factory=dict)
    burned_in_annotation: dict[str, int] = field(default_factory=dict)
    recognizable_visual_features: dict[str, int] = field(default_factory=dict)

    def count(self, action: str, tag: int) -> None:
        """Count an element.

        Args:
            action: The letter of the action in Table E.1-1.
            tag: Its tag.
        """
        names = self.elements.setdefault(_ACTIONS[action], {})
        name = _name(tag)
        names[name] = names.get(name, 0) + 1

    def count_dataset(self, burned_in: str, features: str) -> None:
        """Count a data set, and its statements about its pixels."""
        self.datasets += 1
        for counts, value in ((self.burned_in_annotation, burned_in), (self.recognizable_visual_features, features)):
            value = value if value in ("YES", "NO") else "not stated"
            counts[value] = counts.get(value, 0) + 1

    def add(self, other: Mapping[str, Any]) -> None:
        """Add the numbers of another report, as ``to_dict`` returns them."""
        self.datasets += other["datasets"]
        for action, names in other["elements"].items():
            _add(self.elements.setdefault(action, {}), names)
        _add(self.burned_in_annotation, other["burned_in_annotation"])
        _add(self.recognizable_visual_features, other["recognizable_visual_features"])

    def take(self) -> dict[str, Any]:
        """Return the numbers, and start from zero."""
        numbers = self.to_dict()
        self.datasets = 0
        self.elements, self.burned_in_annotation, self.recognizable_visual_features = {}, {}, {}
        return numbers

    def to_dict(self) -> dict[str, Any]:
        """Return the numbers as a dict that can be written as JSON."""
        return {
            "datasets": self.datasets,
            "elements": {action: dict(sorted(names.items())) for action, names in sorted(self.elements.items())},
            "burned_in_annotation": dict(self.burned_in_annotation),
            "recognizable_visual_features": dict(self.recognizable_visual_features),
        }

    def summary(self) -> str:
        """Return the numbers in one line.

        >>> DeidentificationReport(1, {"removed": {"StudyDescription": 2}}, {"not stated": 1}).summary()
        'de-identified 1 data set: 2 elements removed; 1 may have text in its pixels (Burned In Annotation is not NO)'
        """
        counts = [f"{sum(self.elements[name].values()):,} {_label(name)}" for name in self._actions()]
        text = f"de-identified {self.datasets:,} data set{'s' * (self.datasets != 1)}"
        text += f": {', '.join(counts)}" if counts else ""
        at_risk = self.datasets - self.burned_in_annotation.get("NO", 0)
        if at_risk:
            whose = "its" if at_risk == 1 else "their"
            text += f"; {at_risk:,} may have text in {whose} pixels (Burned In Annotation is not NO)"
        return text

    def _actions(self) -> list[str]:
        return [action for action in _ACTIONS.values() if self.elements.get(action)]


def _label(action: str) -> str:
    return "with UIDs replaced" if action == _ACTIONS["U"] else f"elements {action}" if action == "removed" else action


def _add(counts: dict[str, int], more: Mapping[str, int]) -> None:
    for name, count in more.items():
        counts[name] = counts.get(name, 0) + count


def _name(tag: int) -> str:
    if tag & 0x10000:
        return PRIVATE
    name = keyword(tag)
    if name:
        return name
    from streamdicom.deidentification.table import tables

    return format_tag(tag) if tag in tables().attributes else UNKNOWN
