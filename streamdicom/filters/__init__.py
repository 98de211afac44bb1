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
from streamdicom.filters.pipeline import Pipeline
from streamdicom.filters.select import select  # a late name cannot be that of a module
from streamdicom.filters.vr_first import vr_first
from streamdicom.filters.where import where

if TYPE_CHECKING:
    from streamdicom.filters.bulk_data import load_bulk_data, open_bulk_data, store_bulk_data
    from streamdicom.filters.convert import has_form_of
    from streamdicom.filters.deidentifier import deidentify
    from streamdicom.filters.file_meta import needed_file_meta, needed_file_meta_of_each
    from streamdicom.filters.fragments import FRAGMENT_FORMS, Frames, fragment_events, value_field
    from streamdicom.filters.module_check import Module, ModuleCheck, ModuleTables
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

_LATE = {
    "ElementSorter": "sort",
    "FRAGMENT_FORMS": "fragments",
    "Frames": "fragments",
    "Module": "module_check",
    "ModuleCheck": "module_check",
    "ModuleTables": "module_check",
    "Position": "position",
    "ValueCheck": "value_check",
    "deidentify": "deidentifier",
    "fragment_events": "fragments",
    "has_form_of": "convert",
    "load_bulk_data": "bulk_data",
    "needed_file_meta": "file_meta",
    "needed_file_meta_of_each": "file_meta",
    "open_bulk_data": "bulk_data",
    "sort_elements": "sort",
    "store_bulk_data": "bulk_data",
    "value_field": "fragments",
}

__getattr__, __dir__ = late_names(__name__, _LATE, globals())
