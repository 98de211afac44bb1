//! The end of an attribute that is not canonical, by its brackets and strings.

/// Return the index after a number of attributes, or the length of the data.
///
/// The result only matters for speed: the Python machine decides about everything up to there.
///
/// `depth` is the number of objects and arrays of an attribute that are open, `in_string` whether a string is.
pub fn skim(data: &[u8], start: usize, depth: i64, in_string: bool, count: usize) -> usize {
    let (mut depth, mut position, mut count) = (depth, start, count);
    if in_string {
        position = string_end(data, position);
    }
    while let Some(&byte) = data.get(position) {
        position += 1;
        match byte {
            b'"' => position = string_end(data, position),
            b'{' | b'[' => depth += 1,
            b'}' | b']' => {
                depth -= 1;
                if depth <= 0 {
                    count -= 1;
                    if count == 0 || depth < 0 {
                        return position;
                    }
                }
            }
            _ => {}
        }
    }
    position
}

/// Return the index after the quotation mark that closes a string, or the length of the data.
fn string_end(data: &[u8], mut position: usize) -> usize {
    loop {
        let rest = data.get(position..).unwrap_or_default();
        match memchr::memchr2(b'"', b'\\', rest) {
            None => return data.len(),
            Some(found) if rest[found] == b'"' => return position + found + 1,
            Some(found) => position = (position + found + 2).min(data.len()),
        }
    }
}
