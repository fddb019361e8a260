use std::rc::Rc;

/// A value of the template and the place where it stands. Cloning is cheap: aliases share their anchor's node.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) value: Value,
    pub(crate) line: usize,
    /// Counted from 1; 0 of what the text does not have, as SAM's own resources.
    pub(crate) column: usize,
    /// Whether it is a scalar without quotes, which JSON may have as a number or a boolean.
    pub(crate) plain: bool,
}

#[derive(Clone, Debug)]
pub(crate) enum Value {
    /// A YAML null, and what `AWS::NoValue` leaves.
    Null,
    Text(Rc<str>),
    List(Rc<[Node]>),
    Map(Rc<[Entry]>),
}

/// A key of a map and its value; keys are unique within their map.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) key: Rc<str>,
    pub(crate) line: usize,
    /// Counted from 1, as that of a node.
    pub(crate) column: usize,
    pub(crate) value: Node,
}

impl Entry {
    pub(crate) fn new(key: &str, value: Node) -> Self {
        Self {
            key: key.into(),
            line: value.line,
            column: value.column,
            value,
        }
    }
}

impl Node {
    pub(crate) fn null(line: usize) -> Self {
        Self {
            value: Value::Null,
            line,
            column: 0,
            plain: false,
        }
    }

    pub(crate) fn text(text: impl AsRef<str>, line: usize) -> Self {
        Self {
            value: Value::Text(text.as_ref().into()),
            line,
            column: 0,
            plain: false,
        }
    }

    /// An unquoted scalar. Booleans get one spelling, as SAM gives them; numbers keep theirs (an account id has a
    /// leading 0).
    pub(crate) fn plain(text: &str, line: usize) -> Self {
        let text = match text {
            "" | "~" | "null" | "Null" | "NULL" => return Self::null(line),
            "true" | "True" | "TRUE" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" => "true",
            "false" | "False" | "FALSE" | "no" | "No" | "NO" | "off" | "Off" | "OFF" => "false",
            _ => text,
        };
        Self {
            plain: true,
            ..Self::text(text, line)
        }
    }

    pub(crate) fn list(items: Vec<Node>, line: usize) -> Self {
        Self {
            value: Value::List(items.into()),
            line,
            column: 0,
            plain: false,
        }
    }

    pub(crate) fn map(entries: Vec<Entry>, line: usize) -> Self {
        Self {
            value: Value::Map(entries.into()),
            line,
            column: 0,
            plain: false,
        }
    }

    /// A map of one key, as every intrinsic function is.
    pub(crate) fn single(key: &str, value: Node) -> Self {
        let (line, column) = (value.line, value.column);
        Self::map(vec![Entry::new(key, value)], line).in_column(column)
    }

    /// The same value, in a column of its line.
    pub(crate) fn in_column(self, column: usize) -> Self {
        Self { column, ..self }
    }

    pub(crate) fn is_null(&self) -> bool {
        matches!(self.value, Value::Null)
    }

    pub(crate) fn as_text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(crate) fn as_list(&self) -> Option<&[Node]> {
        match &self.value {
            Value::List(items) => Some(items),
            _ => None,
        }
    }

    /// The entries of a map; nothing for any other value.
    pub(crate) fn entries(&self) -> &[Entry] {
        match &self.value {
            Value::Map(entries) => entries,
            _ => &[],
        }
    }

    pub(crate) fn entry(&self, key: &str) -> Option<&Node> {
        self.entries()
            .iter()
            .find(|entry| &*entry.key == key)
            .map(|entry| &entry.value)
    }

    /// The function's name and argument, if this is an intrinsic function in its long form.
    pub(crate) fn intrinsic(&self) -> Option<(&str, &Node)> {
        match self.entries() {
            [only] if &*only.key == "Ref" || only.key.starts_with("Fn::") => {
                Some((&only.key, &only.value))
            }
            _ => None,
        }
    }

    /// What this value is, for a message.
    pub(crate) fn kind(&self) -> &'static str {
        match self.value {
            Value::Null => "nothing",
            Value::Text(_) => "a text",
            Value::List(_) => "a list",
            Value::Map(_) => "a map",
        }
    }
}
