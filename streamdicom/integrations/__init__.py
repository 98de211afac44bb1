"""To be written."""

from streamdicom.integrations.json import DicomJSONEncoder, json_default, json_object_hook
from streamdicom.integrations.msgspec import msgspec_dec_hook, msgspec_enc_hook

__all__ = ["DicomJSONEncoder", "json_default", "json_object_hook", "msgspec_dec_hook", "msgspec_enc_hook"]
