"""Hooks for msgspec."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from streamdicom.api import dumps

if TYPE_CHECKING:
    from pydicom.dataset import Dataset
from streamdicom.integrations.json import dataset_from_model


def msgspec_enc_hook(obj: object) -> Any:
    """What ``msgspec.json.Encoder`` and ``msgspec.json.encode`` take as their ``enc_hook``.

    The text of a data set goes into the output as it is, so that each number keeps its digits. It is JSON: for
    MessagePack and the other formats of msgspec, ``json_default`` is a hook too.

    Raises:
        OutputError: An element cannot be written; the location has its tag path.
        NotImplementedError: The object is of another class, for which the caller has no way.

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
    raise NotImplementedError(f"{type(obj).__name__} is no data set")


def msgspec_dec_hook(type: type, obj: Any) -> Dataset:  # noqa: A002 - as msgspec calls it
    """What ``msgspec.json.Decoder`` and ``msgspec.json.decode`` take as their ``dec_hook``.

    A field of type Dataset or FileDataset, or a list of them, is made of the DICOM JSON Model (PS3.18 Annex F). By
    then the numbers are Python's: of DS and IS they have the value, and not each digit of the text. A Decoder with
    ``float_hook=str`` keeps it, but numbers with a fraction are strings in other fields of no type too.

    Raises:
        InputError: It is no data set; the location has the tag path within it.
        NotImplementedError: The type is another one, for which the caller has no way.

    >>> import msgspec
    >>> from pydicom import Dataset
    >>> text = b'[{"00100020": {"vr": "LO", "Value": ["17"]}}]'
    >>> msgspec.json.decode(text, type=list[Dataset], dec_hook=msgspec_dec_hook)[0].PatientID
    '17'
    """
    from pydicom.dataset import Dataset, FileDataset

    if type not in (Dataset, FileDataset):
        raise NotImplementedError(f"{type.__name__} is no data set")
    return dataset_from_model(obj, as_file=type is FileDataset)
