use std::fmt;

/// Something that was read and is deliberately not reproduced on the laptop.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Note {
    /// The line in the template, counted from 1.
    pub line: usize,
    /// One lower-case phrase: what it is, and what happens instead.
    pub text: String,
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.text)
    }
}
