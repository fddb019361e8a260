//! The names of the attributes of which a team's table may have its own.

use std::borrow::Cow;
use std::fmt;

/// The default names of the two key attributes.
pub const KEYS: [&str; 2] = ["pk", "sk"];

/// The default name of the TTL attribute.
pub const TTL: &str = "exp";

/// The other attributes of the items.
const OTHERS: [&str; 11] = [
    "api", "at", "data", "epoch", "gone", "n", "rooms", "session", "user", "v", "value",
];

/// The maximum length of the name of a key, in bytes.
const MAX_NAME: usize = 255;

/// The names of the partition key, the sort key and the TTL attribute of a table.
///
/// The default is `pk`, `sk` and `exp`. Both keys are strings.
///
/// ```
/// use lambda_ws_protocol::table_layout::TableAttributes;
///
/// let ours = TableAttributes::new("PK", "SK", "ttl").unwrap();
/// assert_eq!("PK,SK,ttl".parse(), Ok(ours));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableAttributes {
    partition_key: Cow<'static, str>,
    sort_key: Cow<'static, str>,
    ttl: Cow<'static, str>,
}

/// The error of names that a table of connections cannot have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadAttributes(String);

impl TableAttributes {
    /// Creates the names of the partition key, the sort key and the TTL attribute.
    ///
    /// # Errors
    ///
    /// A name is empty or longer than 255 bytes, two names are equal, or a name is one of the library's other attributes:
    /// `api`, `at`, `data`, `epoch`, `gone`, `n`, `rooms`, `session`, `user`, `v` and `value`.
    pub fn new(
        partition_key: impl Into<Cow<'static, str>>,
        sort_key: impl Into<Cow<'static, str>>,
        ttl: impl Into<Cow<'static, str>>,
    ) -> Result<Self, BadAttributes> {
        let attributes = Self {
            partition_key: partition_key.into(),
            sort_key: sort_key.into(),
            ttl: ttl.into(),
        };
        let names = attributes.names();
        for (n, name) in names.into_iter().enumerate() {
            let fault = if name.is_empty() || name.len() > MAX_NAME {
                format!("expected a name of 1 to {MAX_NAME} bytes")
            } else if names[..n].contains(&name) {
                "expected three different names".to_owned()
            } else if OTHERS.contains(&name) {
                format!(
                    "expected a name other than those of the library's attributes ({})",
                    OTHERS.join(", ")
                )
            } else {
                continue;
            };
            return Err(BadAttributes(format!(
                "the attribute `{name}` is not valid: {fault}"
            )));
        }
        Ok(attributes)
    }

    /// Returns the name of the partition key.
    pub fn partition_key(&self) -> &str {
        &self.partition_key
    }

    /// Returns the name of the sort key.
    pub fn sort_key(&self) -> &str {
        &self.sort_key
    }

    /// Returns the name of the TTL attribute.
    pub fn ttl(&self) -> &str {
        &self.ttl
    }

    /// Returns the three names: partition key, sort key and TTL attribute.
    pub fn names(&self) -> [&str; 3] {
        [&self.partition_key, &self.sort_key, &self.ttl]
    }
}

impl Default for TableAttributes {
    fn default() -> Self {
        Self {
            partition_key: KEYS[0].into(),
            sort_key: KEYS[1].into(),
            ttl: TTL.into(),
        }
    }
}

/// The three names, separated by commas: `PK,SK,ttl`.
impl std::str::FromStr for TableAttributes {
    type Err = BadAttributes;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut names = text.split(',').map(|name| name.trim().to_owned());
        match (names.next(), names.next(), names.next(), names.next()) {
            (Some(partition_key), Some(sort_key), Some(ttl), None) => {
                Self::new(partition_key, sort_key, ttl)
            }
            _ => Err(BadAttributes(
                "expected the names of the partition key, the sort key and the TTL attribute, such as `PK,SK,ttl`"
                    .to_owned(),
            )),
        }
    }
}

/// The names as they are parsed.
impl fmt::Display for TableAttributes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.names().join(","))
    }
}

impl fmt::Display for BadAttributes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for BadAttributes {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_are_parsed_and_written_alike() {
        let default: TableAttributes = " pk, sk ,exp".parse().unwrap();
        assert_eq!(default, TableAttributes::default());
        assert_eq!(default.to_string(), "pk,sk,exp");
        assert!("sk,pk,expires at".parse::<TableAttributes>().is_ok());
    }

    #[test]
    fn names_that_a_table_cannot_have_are_rejected() {
        let long = format!("{},sk,exp", "p".repeat(256));
        for (text, expected) in [
            ("", "such as `PK,SK,ttl`"),
            ("PK,SK", "such as `PK,SK,ttl`"),
            ("PK,SK,ttl,x", "such as `PK,SK,ttl`"),
            ("PK,,ttl", "1 to 255 bytes"),
            (&*long, "1 to 255 bytes"),
            ("PK,PK,ttl", "`PK` is not valid: expected three different"),
            ("PK,SK,PK", "three different"),
            ("user,SK,ttl", "`user` is not valid: expected a name other"),
        ] {
            let error = text.parse::<TableAttributes>().unwrap_err().to_string();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }
}
