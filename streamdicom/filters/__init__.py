"""To be written."""

from streamdicom.filters.bulk_data import (
    FRAGMENT_FORMS,
    Frames,
    fragment_events,
    load_bulk_data,
    open_bulk_data,
    store_bulk_data,
    value_field,
)
from streamdicom.filters.convert import has_form_of
from streamdicom.filters.file_meta import needed_file_meta
from streamdicom.filters.pipeline import Pipeline
from streamdicom.filters.position import Position
from streamdicom.filters.sort import ElementSorter, sort_elements
from streamdicom.filters.vr_first import vr_first

__all__ = [
    "FRAGMENT_FORMS",
    "ElementSorter",
    "Frames",
    "Pipeline",
    "Position",
    "fragment_events",
    "has_form_of",
    "load_bulk_data",
    "needed_file_meta",
    "open_bulk_data",
    "sort_elements",
    "store_bulk_data",
    "value_field",
    "vr_first",
]
