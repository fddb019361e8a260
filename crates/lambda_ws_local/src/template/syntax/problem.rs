use std::fmt;

/// One thing that is wrong in a template: where, what, and what helps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    line: usize,
    column: usize,
    text: String,
    missing: Option<String>,
    local_only: bool,
    construct: Option<String>,
}

impl Problem {
    /// A problem of the thing on `line`; 0 when it is not on a line.
    pub(crate) fn new(line: usize, text: impl Into<String>) -> Self {
        Self {
            line,
            column: 0,
            text: text.into(),
            missing: None,
            local_only: false,
            construct: None,
        }
    }

    /// What only a laptop cannot do: on AWS the template is right.
    pub(crate) fn local_only(line: usize, text: impl Into<String>) -> Self {
        Self {
            local_only: true,
            ..Self::new(line, text)
        }
    }

    /// A problem of one character, as YAML's own mistakes are.
    pub(crate) fn at(line: usize, column: usize, text: impl Into<String>) -> Self {
        Self {
            column,
            ..Self::new(line, text)
        }
    }

    /// A name that nothing in the template has.
    pub(crate) fn missing(line: usize, name: &str) -> Self {
        let text = format!("`{name}` is not in the template");
        Self {
            missing: Some(name.to_owned()),
            ..Self::new(line, text)
        }
    }

    /// Whether the template is right on AWS all the same.
    pub(crate) fn is_local_only(&self) -> bool {
        self.local_only
    }

    /// The name that nothing in the template has, if that is the problem.
    pub(crate) fn missing_name(&self) -> Option<&str> {
        self.missing.as_deref()
    }

    /// What is wrong, without what helps.
    pub(crate) fn fault(&self) -> &str {
        let fault = self.text.split("; ").next();
        fault.unwrap_or(&self.text)
    }

    /// The same problem, told about the thing that suffers from it.
    pub(crate) fn context(self, thing: &str) -> Self {
        Self {
            text: format!("{thing}: {}", self.text),
            ..self
        }
    }

    /// The same problem, of a construct of CDK.
    pub(crate) fn of_construct(self, construct: Option<&str>) -> Self {
        Self {
            construct: construct.map(str::to_owned),
            ..self
        }
    }

    /// The construct of CDK that the line was made of, as `ChatStack/Chat/Resource`, if the template says so.
    pub fn construct(&self) -> Option<&str> {
        self.construct.as_deref()
    }

    /// The line, counted from 1; `None` if the problem is one of the whole file or of an option.
    pub fn line(&self) -> Option<usize> {
        (self.line > 0).then_some(self.line)
    }

    /// The column, counted from 1, of a mistake in the YAML itself.
    pub fn column(&self) -> Option<usize> {
        (self.column > 0).then_some(self.column)
    }
}

/// The phrase alone; [`TemplateError`](crate::template::TemplateError) writes file and line before it.
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
