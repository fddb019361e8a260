use std::error::Error;
use std::path::{Path, PathBuf};
use std::{fmt, io};

use super::problem::Problem;

/// Why a template cannot be used: every problem that was found, in the order of the lines.
///
/// `Display` writes one problem a line, as `template.yaml:31: what is wrong; what helps`. In a template that CDK made, the
/// construct stands behind the line.
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
            io::ErrorKind::NotFound => "there is no such file; name the template with --template",
            _ => "the file cannot be read; name another template with --template",
        };
        Self {
            source: Some(source),
            ..Self::new(path, vec![Problem::new(0, text)])
        }
    }

    /// The template's path, as it was given.
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
