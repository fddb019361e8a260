//! Ids as API Gateway makes them.

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// A new connection, request or message id: 11 random bytes in URL-safe base64, 16 characters with
/// their `=` (conformance C).
pub fn new_id(random: &mut fastrand::Rng) -> String {
    // The last character of 11 bytes carries 4 bits: its low 2 are zero.
    let mut id: String = (0..14).map(|_| char(random.usize(..64))).collect();
    id.push(char(random.usize(..16) * 4));
    id.push('=');
    id
}

/// Whether `id` has the form of [`new_id`]; the management API calls any other an
/// `Invalid connectionId` (conformance G6).
pub fn is_id(id: &str) -> bool {
    let Some(digits) = id.strip_suffix('=') else {
        return false;
    };
    digits.len() == 15 && digits.bytes().all(|b| ALPHABET.contains(&b))
}

fn char(digit: usize) -> char {
    char::from(ALPHABET[digit])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_has_the_form_of_the_real_ones() {
        let mut random = fastrand::Rng::with_seed(7);
        for _ in 0..1000 {
            let id = new_id(&mut random);
            assert!(is_id(&id), "{id}");
        }
        assert!(is_id("PJqB0fHsqRcCHlw="));
        assert!(!is_id("non-existing-id"));
        assert!(!is_id("PJqB0fHsqRcCHl/="));
        assert!(!is_id(""));
    }
}
