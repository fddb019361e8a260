use super::problem::Problem;
use std::rc::Rc;

/// The functions of CloudFormation that have a short form, `!Name`; the long form is `Fn::Name`.
const FUNCTIONS: &str = "And Base64 Cidr Contains EachMemberEquals EachMemberIn Equals FindInMap GetAtt GetAZs If ImportValue Join Length Not \
                         Or RefAll Select Split Sub ToJsonString Transform ValueOf ValueOfAll";

/// A value of a template with its position. Cloning is cheap: aliases share the node of their anchor.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) value: Value,
    pub(crate) line: usize,
    /// Counted from 1; 0 if the value is not in the text, such as a resource that SAM generates.
    pub(crate) column: usize,
    /// Whether it is a scalar without quotes, which may be a number or a boolean in JSON.
    pub(crate) plain: bool,
}

#[derive(Clone, Debug)]
pub(crate) enum Value {
    /// A YAML null or `AWS::NoValue`.
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
    /// Counted from 1; 0 if the key is not in the text.
    pub(crate) column: usize,
    pub(crate) value: Node,
}

impl Entry {
    pub(crate) fn problem(&self, text: impl Into<String>) -> Problem {
        Problem::new(self.line, text)
    }

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
    pub(crate) fn new(value: Value, line: usize) -> Self {
        Self {
            value,
            line,
            column: 0,
            plain: false,
        }
    }

    pub(crate) fn null(line: usize) -> Self {
        Self::new(Value::Null, line)
    }

    pub(crate) fn text(text: impl AsRef<str>, line: usize) -> Self {
        Self::new(Value::Text(text.as_ref().into()), line)
    }

    /// An unquoted scalar. Booleans are normalized, as in SAM. Numbers are not, because an account id can start with
    /// 0.
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
        Self::new(Value::List(items.into()), line)
    }

    pub(crate) fn map(entries: Vec<Entry>, line: usize) -> Self {
        Self::new(Value::Map(entries.into()), line)
    }

    /// A map with one key, such as an intrinsic function.
    pub(crate) fn single(key: &str, value: Node) -> Self {
        let (line, column) = (value.line, value.column);
        Self::map(vec![Entry::new(key, value)], line).in_column(column)
    }

    /// Sets the column of the value.
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

    /// The items of a list; any other value is the only item.
    pub(crate) fn items(&self) -> &[Node] {
        self.as_list().unwrap_or(std::slice::from_ref(self))
    }

    /// The entries of a map; none for any other value.
    pub(crate) fn entries(&self) -> &[Entry] {
        match &self.value {
            Value::Map(entries) => entries,
            _ => &[],
        }
    }

    /// The entry of a key, with its position.
    pub(crate) fn find(&self, key: &str) -> Option<&Entry> {
        self.entries().iter().find(|entry| &*entry.key == key)
    }

    pub(crate) fn entry(&self, key: &str) -> Option<&Node> {
        self.find(key).map(|entry| &entry.value)
    }

    /// The value of a key, unless it is null.
    pub(crate) fn non_null(&self, key: &str) -> Option<&Node> {
        self.entry(key).filter(|node| !node.is_null())
    }

    pub(crate) fn text_of(&self, key: &str) -> Option<&str> {
        self.entry(key)?.as_text()
    }

    /// The entries of the map under a key.
    pub(crate) fn entries_of(&self, key: &str) -> &[Entry] {
        self.entry(key).map(Self::entries).unwrap_or_default()
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

    pub(crate) fn problem(&self, text: impl Into<String>) -> Problem {
        Problem::new(self.line, text)
    }

    /// The type of this value, for a message.
    pub(crate) fn kind(&self) -> &'static str {
        match self.value {
            Value::Null => "null",
            Value::Text(_) => "a string",
            Value::List(_) => "a list",
            Value::Map(_) => "a map",
        }
    }
}

/// Returns the long form of the tag `!suffix`; `None` if CloudFormation has no such function.
pub(super) fn long_form(suffix: &str) -> Option<String> {
    match suffix {
        "Ref" | "Condition" => Some(suffix.to_owned()),
        _ => FUNCTIONS
            .split(' ')
            .any(|name| name == suffix)
            .then(|| format!("Fn::{suffix}")),
    }
}
