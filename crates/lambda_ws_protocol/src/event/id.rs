//! Ids in the form of API Gateway.

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// Returns a new connection, request or message id. It consists of 11 random bytes in URL-safe base64: 16 characters
/// including the `=` (conformance C).
pub fn new_id(random: &mut fastrand::Rng) -> String {
    // The last character of 11 bytes encodes 4 bits. Its low 2 bits are zero.
    let mut id: String = (0..14).map(|_| char(random.usize(..64))).collect();
    id.push(char(random.usize(..16) * 4));
    id.push('=');
    id
}

/// Returns whether `id` has the form of [`new_id`]. The management API answers others with `Invalid connectionId`
/// (conformance G6).
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
    fn an_id_has_the_form_of_api_gateway() {
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
