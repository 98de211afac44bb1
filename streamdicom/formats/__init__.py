"""To be written."""

from streamdicom.formats.spec import EventParser, Parser, new_writer

__all__ = ["EventParser", "Parser", "new_writer"]
