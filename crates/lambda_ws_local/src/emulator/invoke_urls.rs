//! Functions that another program runs, such as `cargo lambda watch`.

use super::failure::Failure;
use super::report::{Notice, Reporter};
use crate::remote::RemoteFunction;
use crate::template::Function;
use clap::Args;
use std::collections::BTreeMap;

#[derive(Debug, Default, Args)]
pub(super) struct InvokeUrls {
    /// Invoke a function through this Lambda Invoke API instead of running its program. Use it for `cargo lambda watch`
    /// (http://127.0.0.1:9000), `sam local start-lambda` (choose a port other than 3001 for one of the two) or a
    /// Runtime Interface Emulator (http://127.0.0.1:8080/2015-03-31/functions/function/invocations)
    #[arg(
        long,
        value_name = "[FUNCTION=]URL",
        value_parser = named_url
    )]
    invoke_url: Vec<(Option<String>, String)>,
    /// Invoke such a function for one event at a time; always so with a Runtime Interface Emulator
    #[arg(long, requires = "invoke_url")]
    invoke_serial: bool,
}

fn named_url(text: &str) -> Result<(Option<String>, String), String> {
    match text.split_once('=') {
        Some((name, url)) if !name.contains("://") => Ok((Some(name.to_owned()), url.to_owned())),
        _ => Ok((None, text.to_owned())),
    }
}

impl InvokeUrls {
    pub(super) fn is_empty(&self) -> bool {
        self.invoke_url.is_empty()
    }

    /// Whether another program runs the function.
    pub(super) fn includes(&self, function: &Function) -> bool {
        let mut names = self.invoke_url.iter().map(|(name, _)| name.as_ref());
        names.any(|name| name.is_none_or(|name| *name == function.logical_id))
    }

    /// Checks that the template contains each function, and that no function `is_given` as the program after `--`.
    pub(super) fn check(
        &self,
        functions: &[Function],
        is_given: impl Fn(&Function) -> bool,
    ) -> Result<(), Failure> {
        let both = |one: &&Function| self.includes(one) && is_given(one);
        if let Some(function) = functions.iter().find(both) {
            return Err(Failure::new(format!(
                "function `{}` has both a program after `--` and an --invoke-url: remove one, or name the function of \
                 the URL, as in --invoke-url FUNCTION=URL",
                function.logical_id
            )));
        }
        for name in self.invoke_url.iter().filter_map(|(name, _)| name.as_ref()) {
            if !functions.iter().any(|one| one.logical_id == *name) {
                let names: Vec<_> = functions.iter().map(|one| &*one.logical_id).collect();
                return Err(Failure::new(format!(
                    "the template has no function `{name}`: expected one of {}",
                    names.join(", ")
                )));
            }
        }
        Ok(())
    }

    /// Returns the function, if another program runs it.
    pub(super) fn remote(&self, function: &Function) -> Result<Option<RemoteFunction>, Failure> {
        let urls = || self.invoke_url.iter();
        let named = urls().rfind(|(name, _)| name.as_ref() == Some(&function.logical_id));
        let Some((_, url)) = named.or_else(|| urls().rfind(|(name, _)| name.is_none())) else {
            return Ok(None);
        };
        let remote = RemoteFunction::new(url, &function.name, function.timeout)?;
        Ok(Some(match self.invoke_serial {
            true => remote.serial(),
            false => remote,
        }))
    }
}

/// Prints the environment that the other program must set for the function.
pub(super) fn report_environment(
    reporter: &Reporter,
    function: &Function,
    remote: &RemoteFunction,
    environment: &BTreeMap<String, String>,
) {
    let title = format!(
        "# the environment of {} behind {}; save it to a file for `cargo lambda watch --env-file`:",
        function.name,
        remote.url()
    );
    reporter.report(Notice::Comment(&title));
    for (name, value) in environment {
        reporter.line(format!("{name}={value}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_may_be_of_one_function() {
        let url = "http://127.0.0.1:9000/x?a=b".to_owned();
        assert_eq!(named_url(&url), Ok((None, url.clone())));
        let named = (Some("Chat".to_owned()), url.clone());
        assert_eq!(named_url(&format!("Chat={url}")), Ok(named));
    }
}
