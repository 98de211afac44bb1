//! Functions of the module for the places of data sets in JSON text.

use pyo3::prelude::*;
use pyo3::types::PyBytes;
use streamdicom_scan::json::Limits;
use streamdicom_scan::json::boundaries::{Summary, starts_in_string, summarize};
use streamdicom_scan::json::uid::{has_no_uid, sop_instance_uid, uid_hashes};

/// Whether a part ends within a string, the change of the depth, the depth of the starts, and the starts as integers of
/// 64 bits.
type Part<'py> = (bool, i64, i64, Bound<'py, PyBytes>);

fn part(py: Python<'_>, summary: Summary) -> Part<'_> {
    let starts: Vec<u8> = summary.starts.into_iter().flat_map(u64::to_ne_bytes).collect();
    (summary.ends_in_string, summary.change, summary.depth, PyBytes::new(py, &starts))
}

/// Summarize a part of JSON text; see `scan` in `streamdicom/jsontext/boundaries.py`.
///
/// Returns whether the part starts within a string, or None with both summaries. A summary is None for a comment.
#[pyfunction]
fn json_boundaries<'py>(
    py: Python<'py>,
    data: &[u8],
    offset: u64,
    in_string: Option<bool>,
) -> (Option<bool>, Vec<Option<Part<'py>>>) {
    let (known, summaries) = py.detach(|| {
        let known = in_string.or_else(|| starts_in_string(data));
        let starts = known.map_or_else(|| vec![false, true], |known| vec![known]);
        (known, starts.into_iter().map(|start| summarize(data, offset, start)).collect::<Vec<_>>())
    });
    (known, summaries.into_iter().map(|summary| summary.map(|summary| part(py, summary))).collect())
}

/// Return the hash of the SOP Instance UID of each data set of a part, and which data sets the part does not tell it of.
///
/// `starts` are the offsets of the data sets, as integers of 64 bits, `offset` is that of the part, and `end` is that at
/// which the last of them ends, if it is known. `limits` are the depth, the size of a segment and the length of a number.
#[pyfunction]
fn json_uid_hashes<'py>(
    py: Python<'py>,
    data: &[u8],
    offset: u64,
    starts: &[u8],
    end: Option<u64>,
    limits: (usize, usize, usize),
) -> (Bound<'py, PyBytes>, Vec<usize>) {
    let (depth, segment_size, number_length) = limits;
    let limits = Limits { depth, segment_size, number_length, values_per_event: 1, is_eager: true, accepted: 0 };
    let place = |start: u64| start.checked_sub(offset).and_then(|place| usize::try_from(place).ok());
    let starts = starts.chunks_exact(size_of::<u64>());
    let bounds: Vec<Option<usize>> = starts
        .map(|start| place(u64::from_ne_bytes(start.try_into().unwrap_or_default())))
        .chain([end.and_then(place)])
        .collect();
    let mut scratch = Vec::new();
    let (mut uids, mut missing): (Vec<&[u8]>, _) = (Vec::with_capacity(bounds.len()), Vec::new());
    for (number, bounds) in bounds.windows(2).enumerate() {
        let uid = bounds[0].and_then(|start| sop_instance_uid(data, start, &limits, &mut scratch));
        let text = bounds[0].zip(bounds[1]).and_then(|(start, end)| data.get(start..end));
        if uid.is_none() && !text.is_some_and(has_no_uid) {
            missing.push(number);
        }
        uids.push(uid.unwrap_or_default());
    }
    let hashes: Vec<u8> = uid_hashes(&uids).into_iter().flat_map(u64::to_ne_bytes).collect();
    (PyBytes::new(py, &hashes), missing)
}

pub fn add_to(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(json_boundaries, module)?)?;
    module.add_function(wrap_pyfunction!(json_uid_hashes, module)?)
}
