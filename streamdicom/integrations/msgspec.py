"""Hooks for msgspec."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from streamdicom.api import dumps
from streamdicom.integrations.model import dataset_from_model

if TYPE_CHECKING:
    from pydicom.dataset import Dataset


def msgspec_enc_hook(obj: object) -> Any:
    """Convert a data set for ``msgspec.json``: pass it as ``enc_hook``.

    The JSON text of the data set is inserted as it is, so every number keeps its digits. For MessagePack and the other
    formats of msgspec, pass ``json_default``.

    Args:
        obj: Any object that msgspec does not know.

    Raises:
        OutputError: An element cannot be written; the location has its tag path.
        NotImplementedError: The object is not a data set or a Sequence.

    >>> import msgspec
    >>> from streamdicom import loads
    >>> ds = loads('{"00101030": {"vr": "DS", "Value": [70.50]}}')
    >>> msgspec.json.encode({"patient": ds}, enc_hook=msgspec_enc_hook)
    b'{"patient":{"00101030":{"vr":"DS","Value":[70.50]}}}'
    """
    from msgspec import Raw
    from pydicom.dataset import Dataset
    from pydicom.sequence import Sequence

    if isinstance(obj, Dataset | Sequence):
        return Raw(dumps(obj).encode())
    raise NotImplementedError(f"expected a Dataset or a Sequence, got {type(obj).__name__}")


def msgspec_dec_hook(type: type, obj: Any) -> Dataset:  # noqa: A002 - msgspec names it
    """Convert DICOM JSON for ``msgspec.json``: pass it as ``dec_hook``.

    It makes the fields of type Dataset or FileDataset, also in lists. msgspec has converted the numbers already, so DS
    and IS keep their value but not every digit. A Decoder with ``float_hook=str`` keeps the digits; then every number
    with a fraction in an untyped field becomes a string.

    Args:
        type: The type of the field.
        obj: Its value.

    Raises:
        InputError: The value is not DICOM JSON; the location has the tag path in it.
        NotImplementedError: The type is another.

    >>> import msgspec
    >>> from pydicom import Dataset
    >>> text = b'[{"00100020": {"vr": "LO", "Value": ["17"]}}]'
    >>> msgspec.json.decode(text, type=list[Dataset], dec_hook=msgspec_dec_hook)[0].PatientID
    '17'
    """
    from pydicom.dataset import Dataset, FileDataset

    if type not in (Dataset, FileDataset):
        raise NotImplementedError(f"expected the type Dataset or FileDataset, got {type.__name__}")
    return dataset_from_model(obj, as_file=type is FileDataset)
