"""Character sets of data sets, for which pydicom has a codec of its own.

pydicom reads some code extensions wrongly. Text that it would misread goes into a data set in UTF-8 instead.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, MutableSequence
from functools import lru_cache

from pydicom import config
from pydicom.charset import decode_bytes, default_encoding, python_encoding
from pydicom.dataset import Dataset
from pydicom.tag import BaseTag
from pydicom.valuerep import TEXT_VR_DELIMS

from streamdicom.dicom import SPECIFIC_CHARACTER_SET, UTF_8_TERM, CharacterSets, character_sets

DEFAULT_SETS = character_sets(())
UTF_8_SETS = character_sets((UTF_8_TERM,))

_TAG = BaseTag(SPECIFIC_CHARACTER_SET)


@lru_cache(maxsize=256)
def _names(terms: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(python_encoding.get(term, default_encoding) for term in terms or ("",))


def encodings_of(sets: CharacterSets) -> list[str]:
    """Return pydicom's names of character sets.

    Raises:
        LookupError: A term is not defined, and pydicom is configured to be strict.

    >>> encodings_of(character_sets(["", "ISO 2022 IR 87"]))
    ['iso8859', 'iso2022_jp']
    """
    if sets.is_defined:
        return list(_names(sets.terms))
    if config.settings.reading_validation_mode == config.RAISE:
        raise LookupError
    return [default_encoding]


def encode_for_pydicom(text: str, vr: str, sets: CharacterSets) -> bytes | None:
    r"""Return the bytes of a text, or None if the sets or pydicom do not carry it.

    >>> encode_for_pydicom("é", "LO", character_sets(["ISO_IR 100"]))
    b'\xe9'
    >>> encode_for_pydicom("张", "LO", character_sets(["", "ISO 2022 IR 58"])) is None
    True
    """
    if not all(term in python_encoding for term in sets.terms):
        return None
    data = sets.encode(text, vr)
    if data is None or not sets.has_extensions:
        return data
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            is_same = decode_bytes(data, encodings_of(sets), TEXT_VR_DELIMS) == text
        except (UnicodeError, LookupError, ValueError):  # if pydicom is configured to be strict
            is_same = False
    return data if is_same else None


def sets_in_force(datasets: Iterable[Dataset]) -> CharacterSets | None:
    """Return the character sets of the raw elements of a data set.

    Args:
        datasets: The data set and those around it, innermost first.

    Returns:
        None if pydicom has other ones: Specific Character Set has changed after the data set was read.
    """
    held: str | MutableSequence[str] | None = None
    terms: bytes | tuple[str, ...] = ()
    for dataset in datasets:
        if held is None:
            held = dataset.original_character_set
        element = dataset.get_item(_TAG)
        if element is not None:
            value = element.value
            terms = value if isinstance(value, bytes) else _terms(value)
            break
    sets, names = _sets_and_names(terms)
    if names is not None and names != ([held] if isinstance(held, str) else list(held or ())):
        return None
    return sets


def _terms(value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        return tuple(value.split("\\"))
    return tuple(map(str, value)) if isinstance(value, Iterable) else ()


@lru_cache(maxsize=256)
def _sets_and_names(terms: bytes | tuple[str, ...]) -> tuple[CharacterSets, list[str] | None]:
    """Return character sets, and pydicom's names of them if they are defined."""
    sets = character_sets(terms.decode("latin_1").split("\\") if isinstance(terms, bytes) else terms)
    return sets, list(_names(sets.terms)) if sets.is_defined else None
