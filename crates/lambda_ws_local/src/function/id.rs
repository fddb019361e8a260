//! Request ids and hex digits.

/// Returns a new request id in Lambda's format, a UUID of version 4.
pub fn request_id() -> String {
    let random = fastrand::u128(..);
    let (high, low) = ((random >> 64) as u64, random as u64);
    let mut id = String::with_capacity(36);
    hex(&mut id, high >> 32, 8);
    id.push('-');
    hex(&mut id, high >> 16, 4);
    id.push_str("-4");
    hex(&mut id, high, 3);
    id.push('-');
    hex(&mut id, low >> 48 & 0x3fff | 0x8000, 4);
    id.push('-');
    hex(&mut id, low, 12);
    id
}

/// Appends the last `digits` hex digits of a number. Every event has 88 of them, and `format!` showed up in profiles.
pub(super) fn hex(text: &mut String, number: u64, digits: u32) {
    let digits = (0..digits)
        .rev()
        .map(|digit| (number >> (4 * digit) & 0xf) as usize);
    text.extend(digits.map(|digit| char::from(b"0123456789abcdef"[digit])));
}
