//! The end of XML elements that are not canonical, as far as tags tell.

/// Return the index after a number of attributes at the current level, or after the first tag around them, or after the
/// start tag of a document.
///
/// A wrong answer costs time and nothing else, as the scanner starts only where the automaton stands between attributes.
pub fn skim(data: &[u8], start: usize, depth: i64, count: usize) -> usize {
    let (mut depth, mut count) = (depth, count);
    let mut position = start;
    loop {
        let Some(found) = memchr::memchr(b'<', data.get(position..).unwrap_or_default()) else { return data.len() };
        let tag = position + found;
        let Some(length) = memchr::memchr(b'>', &data[tag..]) else { return data.len() };
        position = tag + length + 1;
        let text = &data[tag..position];
        if text.starts_with(b"<DicomAttribute") {
            depth += 1;
            if text.ends_with(b"/>") {
                depth -= 1;
            } else {
                continue;
            }
        } else if text.starts_with(b"</DicomAttribute") {
            depth -= 1;
        } else if depth <= 0 && text.starts_with(b"<NativeDicomModel") {
            return position;
        } else if depth > 0 || !text.starts_with(b"</") {
            continue;
        }
        if depth <= 0 {
            count = count.saturating_sub(1);
            if count == 0 || depth < 0 {
                return position;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_end_at_their_level() {
        let data = b" <DicomAttribute><Item><DicomAttribute/></Item></DicomAttribute>a<DicomAttribute/></Item>";
        assert_eq!(skim(data, 0, 0, 1), 64);
        assert_eq!(skim(data, 0, 0, 2), 82);
        assert_eq!(skim(data, 0, 0, 9), data.len());
        assert_eq!(skim(data, 23, 1, 1), 64);
        assert_eq!(skim(b"<?xml?><NativeDicomModel> ", 0, 0, 1), 25);
        assert_eq!(skim(b"<NativeDicomModel><DicomAttribute/>", 0, 0, 2), 18);
        assert_eq!(skim(b"</DicomAttribute> ", 0, 0, 5), 17);
        assert_eq!(skim(b"<a", 0, 0, 1), 2);
    }
}
