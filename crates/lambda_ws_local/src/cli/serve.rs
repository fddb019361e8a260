//! Serving a function.

use super::output::{Printer, Style};
use super::signals::Signals;
use clap::Args;
use lambda_ws_local::emulator::{Emulator, Failure, Options, ProjectOptions, Running, Urls};
use lambda_ws_local::faults::{Faults, Kind};
use std::io::{IsTerminal, Write};
use std::sync::Arc;

#[derive(Debug, Args)]
pub(super) struct Serve {
    /// Show only the function's log, no events
    #[arg(short, long)]
    quiet: bool,
    /// Also show every post to a client
    #[arg(short, long, conflicts_with = "quiet")]
    verbose: bool,
    #[command(flatten)]
    options: Options,
}

impl Serve {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let mut signals = Signals::listen()?;
        let printer = Arc::new(Printer::start());
        let reporter = printer.reporter(!self.quiet, self.verbose);
        let project = self.options.project.clone();
        let start = async { Emulator::bind(self.options, reporter).await?.start().await };
        let mut running: Running = tokio::select! {
            running = start => running?,
            () = signals.next() => return Err(Failure::new("interrupted before the gateway was ready")),
        };
        let style = printer.style();
        if !running.faults().plan().is_off() {
            let (plan, seed) = (running.faults().plan(), running.faults().seed());
            let name = style.bad("faults");
            printer.line(format!(
                "{name} {plan}; to repeat them, use --fault-seed {seed}"
            ));
        }
        announce(running.urls(), &project)?;
        tokio::select! {
            () = signals.next() => {}
            () = running.ended() => {}
        }
        let stopped = tokio::select! {
            () = running.stop() => Ok(()),
            // A second signal ends the processes without a wait.
            () = signals.next() => Err(Failure::new("stopped before all connections were closed")),
        };
        if let Some(fired) = fired(running.faults()) {
            printer.line(format!("{} {fired}", style.strong("faults")));
        }
        stopped
    }
}

/// Prints the URLs. For a program that reads standard output, the last line, the credentials, means that everything is
/// ready. A terminal gets one more line with the page to open.
fn announce(urls: &Urls, project: &ProjectOptions) -> Result<(), Failure> {
    let style = Style::stdout();
    let mut stdout = std::io::stdout().lock();
    let management = format!("{}/@connections/{{id}}", urls.management);
    let (id, secret) = (&project.access_key_id, &project.secret_access_key);
    for (name, value) in [
        ("websocket", Some(urls.websocket.clone())),
        ("management", Some(management)),
        ("dynamodb", Some(urls.dynamodb.clone())),
        ("region", Some(project.region.clone())),
        ("page", urls.web.clone()),
        ("console", urls.console.clone()),
        ("credentials", Some(format!("{id}/{secret}"))),
    ] {
        if let Some(value) = value {
            let name = format!("{name:<11}");
            writeln!(stdout, "{} {value}", style.strong(&name))?;
        }
    }
    if stdout.is_terminal() {
        let page = urls.web.as_deref().or(urls.console.as_deref());
        let next = next_step(page, &urls.websocket);
        writeln!(stdout, "\n{}", style.good(&next))?;
    }
    stdout.flush()?;
    Ok(())
}

/// Returns what to do with a ready gateway: open its page, or else connect.
fn next_step(page: Option<&str>, websocket: &str) -> String {
    match page {
        Some(page) => format!("ready: open {page}"),
        None => format!("ready: lambda-ws-local connect '{websocket}'"),
    }
}

/// Returns how often each fault has happened, if any has.
fn fired(faults: &Faults) -> Option<String> {
    let counts = Kind::ALL.map(|kind| (kind.name(), faults.fired(kind)));
    let counts = counts.iter().filter(|(_, count)| *count > 0);
    let counts: Vec<_> = counts
        .map(|(name, count)| format!("{name} {count}"))
        .collect();
    (!counts.is_empty()).then(|| counts.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_step_is_a_page_or_else_a_client() {
        let websocket = "ws://127.0.0.1:3001/dev";
        let page = next_step(Some("http://127.0.0.1:3001/"), websocket);
        assert_eq!(page, "ready: open http://127.0.0.1:3001/");
        let client = next_step(None, websocket);
        let expected = "ready: lambda-ws-local connect 'ws://127.0.0.1:3001/dev'";
        assert_eq!(client, expected);
    }
}
