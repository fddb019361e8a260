//! Sizes with units.

use std::fmt;
use std::str::FromStr;

/// A number of bytes on the command line: `200MB`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Size(pub(super) u64);

/// The units of sizes, the largest first.
const UNITS: [(&str, u64); 3] = [("GB", 1 << 30), ("MB", 1 << 20), ("KB", 1 << 10)];

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let upper = text.to_ascii_uppercase();
        let units = UNITS.iter().copied().chain([("", 1)]);
        let mut read = units.filter_map(|(unit, bytes)| {
            let number: u64 = upper.strip_suffix(unit)?.trim_end().parse().ok()?;
            number.checked_mul(bytes)
        });
        let size = read.next().map(Self);
        size.ok_or_else(|| "expected a whole number of KB, MB or GB, such as 200MB".to_owned())
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut units = UNITS.iter().copied();
        let unit = units.find(|(_, bytes)| self.0 != 0 && self.0.is_multiple_of(*bytes));
        let (unit, bytes) = unit.unwrap_or(("bytes", 1));
        write!(f, "{} {unit}", self.0 / bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fault_l12_a_size_has_a_unit() {
        let size = |text: &str| text.parse::<Size>().ok().map(|size| size.0);
        assert_eq!(size("3"), Some(3));
        assert_eq!(size("3KB"), Some(3072));
        assert_eq!(size("200 mb"), Some(200 * 1024 * 1024));
        assert_eq!(size("1GB"), Some(1024 * 1024 * 1024));
        for bad in ["", "MB", "1.5MB", "-1", "1TB", "99999999999GB"] {
            assert_eq!(size(bad), None, "{bad}");
        }
        for text in ["3 bytes", "3 KB", "200 MB", "1 GB", "0 bytes"] {
            let given = text.trim_end_matches(" bytes");
            assert_eq!(given.parse::<Size>().expect("a size").to_string(), text);
        }
    }
}
