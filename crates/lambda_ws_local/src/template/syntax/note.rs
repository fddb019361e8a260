use std::fmt;

/// Something that was read and is deliberately not reproduced on the laptop.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Note {
    /// The line in the template, counted from 1.
    pub line: usize,
    /// One lower-case phrase: what it is, and what happens instead.
    pub text: String,
    /// Whether a part of the application does not work without further settings.
    pub is_warning: bool,
}

impl Note {
    /// A note on the thing on `line`.
    pub fn new(line: usize, text: impl Into<String>) -> Self {
        Self {
            line,
            text: text.into(),
            is_warning: false,
        }
    }

    /// A warning about the thing on `line`.
    pub fn warning(line: usize, text: impl Into<String>) -> Self {
        Self {
            is_warning: true,
            ..Self::new(line, text)
        }
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.text)
    }
}
