"""Hooks for serializers: the ``json`` module, orjson and msgspec.

Types for pydantic are in ``streamdicom.integrations.pydantic``, which imports pydantic and pydicom.
"""

from streamdicom.integrations.json import DicomJSONEncoder, json_default, json_object_hook
from streamdicom.integrations.msgspec import msgspec_dec_hook, msgspec_enc_hook

__all__ = ["DicomJSONEncoder", "json_default", "json_object_hook", "msgspec_dec_hook", "msgspec_enc_hook"]
