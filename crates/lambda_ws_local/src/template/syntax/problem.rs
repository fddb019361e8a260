use std::error::Error;
use std::path::{Path, PathBuf};
use std::{fmt, io};

/// A fault of a template, with its position and a fix.
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
    /// A problem on `line`; 0 if it is not on a line.
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

    /// A limit of the local gateway. The template is valid on AWS.
    pub(crate) fn local_only(line: usize, text: impl Into<String>) -> Self {
        Self {
            local_only: true,
            ..Self::new(line, text)
        }
    }

    /// A problem of one character, such as a syntax error.
    pub(crate) fn at(line: usize, column: usize, text: impl Into<String>) -> Self {
        Self {
            column,
            ..Self::new(line, text)
        }
    }

    pub(crate) fn missing(line: usize, name: &str) -> Self {
        let text = format!("`{name}` is not in the template");
        Self {
            missing: Some(name.to_owned()),
            ..Self::new(line, text)
        }
    }

    /// Whether the template is valid on AWS.
    pub(crate) fn is_local_only(&self) -> bool {
        self.local_only
    }

    /// The name that is not in the template, if that is the problem.
    pub(crate) fn missing_name(&self) -> Option<&str> {
        self.missing.as_deref()
    }

    pub(crate) fn fault(&self) -> &str {
        let fault = self.text.split("; ").next();
        fault.unwrap_or(&self.text)
    }

    /// Adds the part of the template that has the problem to the text.
    pub(crate) fn context(self, owner: &str) -> Self {
        Self {
            text: format!("{owner}: {}", self.text),
            ..self
        }
    }

    /// Adds the CDK construct that has the problem.
    pub(crate) fn of_construct(self, construct: Option<&str>) -> Self {
        Self {
            construct: construct.map(str::to_owned),
            ..self
        }
    }

    /// The CDK construct on the line, such as `ChatStack/Chat/Resource`, if the template contains it.
    pub fn construct(&self) -> Option<&str> {
        self.construct.as_deref()
    }

    /// The line, counted from 1; `None` if the problem concerns the whole file or an option.
    pub fn line(&self) -> Option<usize> {
        (self.line > 0).then_some(self.line)
    }

    /// The column of a syntax error, counted from 1.
    pub fn column(&self) -> Option<usize> {
        (self.column > 0).then_some(self.column)
    }
}

/// The phrase alone; [`TemplateError`] adds the file and the line.
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// The problems of a template that cannot be used, in the order of their lines.
///
/// `Display` writes one problem per line: `template.yaml:31: fault; fix`. In a template from CDK, the construct follows
/// the line.
#[derive(Debug)]
pub struct TemplateError {
    path: PathBuf,
    problems: Vec<Problem>,
    source: Option<io::Error>,
}

impl TemplateError {
    pub(crate) fn new(path: &Path, mut problems: Vec<Problem>) -> Self {
        problems.sort_by_key(Problem::line);
        problems.dedup();
        Self {
            path: path.to_owned(),
            problems,
            source: None,
        }
    }

    pub(crate) fn unreadable(path: &Path, source: io::Error) -> Self {
        let text = match source.kind() {
            io::ErrorKind::NotFound => {
                "the file does not exist; pass the path of the template with --template"
            }
            _ => "the file cannot be read; pass the path of another template with --template",
        };
        Self {
            source: Some(source),
            ..Self::new(path, vec![Problem::new(0, text)])
        }
    }

    /// The path of the template, as given.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The problems, in the order of their lines.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }
}

impl fmt::Display for TemplateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            write!(f, "{}", self.path.display())?;
            for number in [problem.line(), problem.column()].into_iter().flatten() {
                write!(f, ":{number}")?;
            }
            if let Some(construct) = problem.construct() {
                write!(f, " ({construct})")?;
            }
            write!(f, ": {problem}")?;
        }
        Ok(())
    }
}

impl Error for TemplateError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_ref().map(|source| source as _)
    }
}

/// Returns the names as a list for a message: "a, b", or "none".
pub(crate) fn listed(names: &[impl AsRef<str>]) -> String {
    let names: Vec<_> = names.iter().map(AsRef::as_ref).collect();
    match names.is_empty() {
        true => "none".to_owned(),
        false => names.join(", "),
    }
}
