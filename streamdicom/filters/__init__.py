"""Filters of DICOM events: each takes a stream of events and yields another.

- ``select`` keeps or leaves out elements, ``where`` data sets;
- ``deidentify`` removes the identity of patients;
- ``sort_elements`` sorts elements by tag;
- ``store_bulk_data`` and ``load_bulk_data`` move values to a bulk data store and back;
- ``ValueCheck`` reports elements that break a rule of the standard, ``ModuleCheck`` attributes that are missing;
- ``needed_file_meta`` drops File Meta Information that the data set does not need.

Most are imported when they are first accessed (PEP 562).
"""

from streamdicom._late import late_names
from streamdicom._typing import TYPE_CHECKING

if TYPE_CHECKING:
    from streamdicom.filters.bulk_data import load_bulk_data, open_bulk_data, store_bulk_data
    from streamdicom.filters.convert import has_form_of
    from streamdicom.filters.dataset_filter import where
    from streamdicom.filters.deidentifier import deidentify
    from streamdicom.filters.element_filter import select
    from streamdicom.filters.file_meta import needed_file_meta, needed_file_meta_of_each
    from streamdicom.filters.fragments import FRAGMENT_FORMS, Frames, fragment_events, value_field
    from streamdicom.filters.late_vr import vr_first
    from streamdicom.filters.module_check import Module, ModuleCheck, ModuleTables
    from streamdicom.filters.pipeline import Pipeline
    from streamdicom.filters.position import Position
    from streamdicom.filters.sort import ElementSorter, sort_elements
    from streamdicom.filters.value_check import ValueCheck

__all__ = [
    "FRAGMENT_FORMS",
    "ElementSorter",
    "Frames",
    "Module",
    "ModuleCheck",
    "ModuleTables",
    "Pipeline",
    "Position",
    "ValueCheck",
    "deidentify",
    "fragment_events",
    "has_form_of",
    "load_bulk_data",
    "needed_file_meta",
    "needed_file_meta_of_each",
    "open_bulk_data",
    "select",
    "sort_elements",
    "store_bulk_data",
    "value_field",
    "vr_first",
    "where",
]

# A command needs few of them.
_LATE = {
    "bulk_data": ("load_bulk_data", "open_bulk_data", "store_bulk_data"),
    "convert": ("has_form_of",),
    "dataset_filter": ("where",),
    "deidentifier": ("deidentify",),
    "element_filter": ("select",),
    "file_meta": ("needed_file_meta", "needed_file_meta_of_each"),
    "fragments": ("FRAGMENT_FORMS", "Frames", "fragment_events", "value_field"),
    "late_vr": ("vr_first",),
    "module_check": ("Module", "ModuleCheck", "ModuleTables"),
    "pipeline": ("Pipeline",),
    "position": ("Position",),
    "sort": ("ElementSorter", "sort_elements"),
    "value_check": ("ValueCheck",),
}
__getattr__, __dir__ = late_names(__name__, _LATE, globals())
