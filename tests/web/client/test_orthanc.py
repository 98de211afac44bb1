"""The client against Orthanc, compared with the files as pydicom reads them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pydicom
import pytest
from pydicom.data import get_testdata_file
from pydicom.uid import generate_uid

from streamdicom import ReadOptions
from streamdicom.errors import ResponseError
from streamdicom.web.client import HttpStore, fetch_datasets
from tests.web.client.orthanc import PASSWORD, USER, is_installed, orthanc

pytestmark = [
    pytest.mark.interop,
    pytest.mark.skipif(not is_installed(), reason="Debian's packages orthanc and orthanc-dicomweb are missing"),
]

NAMES = (
    "CT_small.dcm",
    "MR_small.dcm",
    "reportsi.dcm",
    "rtplan.dcm",
    "rtstruct.dcm",
    "test-SR.dcm",
    "waveform_ecg.dcm",
)
SERIES = 30  # instances


def _series(folder: Path) -> Iterator[Path]:
    """Write a series of small instances: MR_small.dcm with new UIDs."""
    dataset = pydicom.dcmread(str(get_testdata_file("MR_small.dcm")))
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = generate_uid(), generate_uid()
    dataset.PatientID = "many"
    for number in range(SERIES):
        dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = generate_uid()
        dataset.InstanceNumber = number
        path = folder / f"{number}.dcm"
        dataset.save_as(path)
        yield path


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, pydicom.FileDataset]:
    paths = [Path(str(get_testdata_file(name))) for name in NAMES]
    paths += _series(tmp_path_factory.mktemp("series"))
    datasets = [pydicom.dcmread(path, force=True) for path in paths]
    return {str(dataset.SOPInstanceUID): dataset for dataset in datasets}


@pytest.fixture(scope="module")
def url(files: dict[str, pydicom.FileDataset]) -> Iterator[str]:
    with orthanc(Path(str(dataset.filename)) for dataset in files.values()) as url:
        yield url


@pytest.fixture(scope="module")
def client(url: str) -> Iterator[httpx2.Client]:
    with httpx2.Client(auth=(USER, PASSWORD)) as client:
        yield client


@pytest.mark.parametrize(
    ("level", "keyword"),
    [("studies", "StudyInstanceUID"), ("series", "SeriesInstanceUID"), ("instances", "SOPInstanceUID")],
)
@pytest.mark.parametrize("page_size", [1, 7, 1000])
@pytest.mark.slow
def test_search_finds_each_result_once(
    level: str, keyword: str, page_size: int, url: str, client: httpx2.Client, files: dict[str, Any]
) -> None:
    found = [str(ds[keyword].value) for ds in fetch_datasets(f"{url}/{level}", client=client, page_size=page_size)]
    assert sorted(found) == sorted({str(ds[keyword].value) for ds in files.values()})


def test_search_applies_its_parameters(url: str, client: httpx2.Client) -> None:
    found = list(fetch_datasets(f"{url}/instances?PatientID=many&limit=20&offset=15", client=client, page_size=6))
    assert len({ds.SOPInstanceUID for ds in found}) == len(found) == SERIES - 15
    assert list(fetch_datasets(f"{url}/studies?PatientID=nobody", client=client)) == []


@pytest.mark.slow
def test_metadata_and_bulk_data_match_the_files(
    url: str, client: httpx2.Client, files: dict[str, pydicom.FileDataset]
) -> None:
    options = ReadOptions(bulk_data_store=HttpStore(url, client=client))
    seen = set()
    for study in fetch_datasets(f"{url}/studies", client=client):
        metadata = f"{url}/studies/{study.StudyInstanceUID}/metadata"
        for ds in fetch_datasets(metadata, client=client, options=options):
            expected = files[ds.SOPInstanceUID]
            for element in expected:
                value = ds[element.tag].value
                assert (value.read() if hasattr(value, "read") else value) == element.value, element.tag
            seen.add(str(ds.SOPInstanceUID))
    assert seen == files.keys()


@pytest.mark.slow
def test_reference_without_a_store_is_kept(url: str, client: httpx2.Client) -> None:
    [study] = fetch_datasets(f"{url}/studies?PatientID=many", client=client)
    metadata = f"{url}/studies/{study.StudyInstanceUID}/metadata"
    datasets = list(fetch_datasets(metadata, client=client))
    assert len(datasets) == SERIES
    assert all(ds["PixelData"].bulk_data_uri.startswith(url) for ds in datasets)


@pytest.mark.slow
def test_missing_credentials_are_a_401_error(url: str) -> None:
    with pytest.raises(ResponseError, match="401") as caught:
        list(fetch_datasets(f"{url}/studies"))
    assert caught.value.status == 401


@pytest.mark.slow
def test_missing_study_is_a_404_error(url: str, client: httpx2.Client) -> None:
    with pytest.raises(ResponseError, match="404 Not Found"):
        list(fetch_datasets(f"{url}/studies/1.2.3/metadata", client=client))
