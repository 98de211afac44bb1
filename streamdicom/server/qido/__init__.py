"""Search transactions, QIDO-RS (PS3.18 10.6)."""

from streamdicom.server.qido.attributes import ATTRIBUTES, COLUMNS, HIGHEST_TAG, UNIQUE_KEYS, Level
from streamdicom.server.qido.matching import column_text
from streamdicom.server.qido.parameters import Query, parse_query
from streamdicom.server.qido.plan import Plan, Renderer, Uids, from_tables, order_of, other_tags

__all__ = [
    "ATTRIBUTES",
    "COLUMNS",
    "HIGHEST_TAG",
    "UNIQUE_KEYS",
    "Level",
    "Plan",
    "Query",
    "Renderer",
    "Uids",
    "column_text",
    "from_tables",
    "order_of",
    "other_tags",
    "parse_query",
]
