//! Environment variables of the functions, besides the template's.

use super::failure::Failure;
use crate::function::environment::is_reserved;
use clap::Args;
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

#[derive(Clone, Debug, Args)]
pub(super) struct EnvArgs {
    /// Set a variable of the functions, or pass a variable of this shell with NAME alone. Later ones win: the
    /// template's variables, those of --env-file, and --env. Otherwise only PATH, RUST_LOG and RUST_BACKTRACE of the
    /// shell are passed. Region, credentials and endpoints have separate options
    #[arg(long, value_name = "NAME=VALUE")]
    env: Vec<Assignment>,
    /// Set the variables of a file with NAME=VALUE lines; `#` begins a comment line
    #[arg(long, value_name = "FILE")]
    env_file: Vec<PathBuf>,
}

/// `NAME=VALUE` or `NAME`. It is checked later, because clap prints values that it rejects, and this one may be a
/// secret.
#[derive(Clone)]
struct Assignment(String);

impl From<&str> for Assignment {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl fmt::Debug for Assignment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.0.split('=').next().unwrap_or_default();
        write!(f, "{name}=...")
    }
}

impl EnvArgs {
    /// Returns the variables. `shell` looks up a variable of this shell.
    pub(super) fn read(
        &self,
        shell: impl Fn(&str) -> Option<String>,
    ) -> Result<BTreeMap<String, String>, Failure> {
        let mut all = BTreeMap::new();
        for path in &self.env_file {
            let text = std::fs::read_to_string(path);
            let text = text.map_err(|error| {
                Failure::because(&format!("cannot read --env-file {}", path.display()), error)
            })?;
            all.extend(lines(path, &text)?);
        }
        for Assignment(text) in &self.env {
            let (name, value) = match text.split_once('=') {
                Some((name, value)) => (name, value.to_owned()),
                None => {
                    let value = shell(text).ok_or_else(|| {
                        Failure::new(format!(
                            "--env {text}: the variable is not set in this shell: export it, or use --env {text}=VALUE"
                        ))
                    })?;
                    (text.as_str(), value)
                }
            };
            check(name, &value).map_err(|why| Failure::new(format!("--env: {why}")))?;
            all.insert(name.to_owned(), value);
        }
        Ok(all)
    }
}

fn lines(path: &Path, text: &str) -> Result<Vec<(String, String)>, Failure> {
    let mut all = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let line = line.strip_prefix("export ").unwrap_or(line);
        let fail = |why: String| {
            let place = format!("{}:{}", path.display(), index + 1);
            Failure::new(format!("--env-file {place}: {why}"))
        };
        let (name, value) = line
            .split_once('=')
            .ok_or_else(|| fail("expected NAME=VALUE".to_owned()))?;
        let (name, value) = (name.trim(), unquoted(value.trim()));
        check(name, value).map_err(fail)?;
        all.push((name.to_owned(), value.to_owned()));
    }
    Ok(all)
}

fn unquoted(value: &str) -> &str {
    let inner = |quote: char| value.strip_prefix(quote)?.strip_suffix(quote);
    inner('"').or_else(|| inner('\'')).unwrap_or(value)
}

/// Checks that a variable may be set. The error does not contain its value.
fn check(name: &str, value: &str) -> Result<(), String> {
    if name.is_empty() || name.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Err("expected NAME=VALUE, or NAME alone".to_owned());
    }
    if value.contains('\0') {
        return Err(format!("the value of {name} contains a NUL character"));
    }
    if is_reserved(name) {
        return Err(format!(
            "{name} is set by the gateway: use its option (--region, --access-key-id, --secret-access-key), or \
             remove it"
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::Options;
    use super::*;

    fn read(args: &[&str]) -> Result<BTreeMap<String, String>, String> {
        let project = Options::parse(args).expect("arguments").project;
        let shell = |name: &str| (name == "SEND_RATE").then(|| "77".to_owned());
        let read = project.env.read(shell);
        read.map_err(|failure| failure.text().to_owned())
    }

    fn variables(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        let pairs = pairs.iter();
        pairs
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    }

    #[test]
    fn fault_f30_variables_come_from_files_then_from_the_command_line_or_the_shell() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let text = "# a comment\n\nA=file\nexport B = \"b c\"\nC='#1'\nD=x=y\n";
        std::fs::write(file.path(), text).unwrap();
        let path = file.path().to_str().unwrap();
        let all = read(&[
            "--env",
            "A=line",
            "--env",
            "SEND_RATE",
            "--env-file",
            path,
            "--env",
            "E=",
        ]);
        let expected = [("A", "line"), ("B", "b c"), ("C", "#1"), ("D", "x=y")];
        let expected = [&expected[..], &[("E", ""), ("SEND_RATE", "77")]].concat();
        assert_eq!(all, Ok(variables(&expected)));
        assert_eq!(read(&[]), Ok(BTreeMap::new()));
    }

    #[test]
    fn fault_f30_a_bad_variable_is_named_and_its_value_is_not() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let path = file.path().to_str().unwrap();
        std::fs::write(&file, "A=1\nAWS_ACCESS_KEY_ID=s3cr3t\n").unwrap();
        for (args, reason) in [
            (
                ["--env", "AWS_SECRET_ACCESS_KEY=s3cr3t"],
                "AWS_SECRET_ACCESS_KEY is set by",
            ),
            (["--env", "=s3cr3t"], "expected NAME=VALUE"),
            (["--env", "a b=s3cr3t"], "expected NAME=VALUE"),
            (["--env", "MISSING"], "is not set in this shell"),
            (["--env-file", path], ":2: AWS_ACCESS_KEY_ID is set by"),
            (["--env-file", "/nonexistent/env"], "cannot read"),
        ] {
            let error = read(&args).unwrap_err();
            assert!(error.contains(reason), "{error}");
            assert!(!error.contains("s3cr3t"), "{error}");
        }
        std::fs::write(&file, "s3cr3t\n").unwrap();
        let error = read(&["--env-file", path]).unwrap_err();
        assert!(error.ends_with(":1: expected NAME=VALUE"), "{error}");
        let options = Options::parse(&["--env", "TOKEN=s3cr3t"]).expect("arguments");
        assert!(!format!("{options:?}").contains("TOKEN=s3cr3t"));
    }
}
