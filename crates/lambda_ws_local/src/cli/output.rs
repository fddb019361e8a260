//! The output while a function runs.

use lambda_ws_local::activity::{Operation, OperationKind};
use lambda_ws_local::emulator::{Failure, Notice, Reporter};
use lambda_ws_local::function::{LogLine, Stream};
use std::io::{ErrorKind, IsTerminal, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

/// Colours, if the stream is a terminal.
#[derive(Debug, Clone, Copy)]
pub(super) struct Style {
    on: bool,
}

impl Style {
    pub(super) fn stdout() -> Self {
        Self::of(&std::io::stdout())
    }

    pub(super) fn stderr() -> Self {
        Self::of(&std::io::stderr())
    }

    #[cfg(test)]
    pub(super) fn plain() -> Self {
        Self { on: false }
    }

    fn of(stream: &impl IsTerminal) -> Self {
        let wanted = std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty());
        Self {
            on: wanted && stream.is_terminal(),
        }
    }

    pub(super) fn good(self, text: &str) -> String {
        self.paint("32", text)
    }

    pub(super) fn bad(self, text: &str) -> String {
        self.paint("31;1", text)
    }

    pub(super) fn faint(self, text: &str) -> String {
        self.paint("2", text)
    }

    pub(super) fn strong(self, text: &str) -> String {
        self.paint("1", text)
    }

    fn paint(self, code: &str, text: &str) -> String {
        match self.on {
            true => format!("\x1b[{code}m{text}\x1b[0m"),
            false => text.to_owned(),
        }
    }
}

/// Writes lines to stderr on a separate thread, so that a terminal that does not scroll delays nothing. Lines beyond
/// the limit are dropped and counted.
pub(super) struct Printer {
    lines: Option<SyncSender<String>>,
    dropped: Arc<AtomicUsize>,
    thread: Option<JoinHandle<()>>,
    style: Style,
}

/// The maximum number of waiting lines.
const LINES: usize = 10_000;

/// The maximum number of additional lines in one write.
const LINES_A_WRITE: usize = 500;

impl Printer {
    pub(super) fn start() -> Self {
        let (lines, printed) = sync_channel::<String>(LINES);
        let dropped = Arc::new(AtomicUsize::new(0));
        let missing = dropped.clone();
        let thread = std::thread::spawn(move || {
            let mut stderr = std::io::stderr();
            while let Ok(mut text) = printed.recv() {
                // One write for all waiting lines, because stderr has no buffer.
                text.push('\n');
                for line in printed.try_iter().take(LINES_A_WRITE) {
                    text.push_str(&line);
                    text.push('\n');
                }
                match missing.swap(0, Ordering::Relaxed) {
                    0 => {}
                    n => text.push_str(&format!("({n} lines were dropped)\n")),
                }
                // A closed stderr cannot be reported.
                let _ = stderr.write_all(text.as_bytes());
            }
        });
        Self {
            lines: Some(lines),
            dropped,
            thread: Some(thread),
            style: Style::stderr(),
        }
    }

    pub(super) fn style(&self) -> Style {
        self.style
    }

    pub(super) fn line(&self, line: String) {
        if let Some(Err(TrySendError::Full(_))) = self.lines.as_ref().map(|l| l.try_send(line)) {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Returns a reporter that prints. `verbose` adds the details of posts. Without `show_gateway`, operations of the
    /// gateway are not printed.
    pub(super) fn reporter(self: &Arc<Self>, show_gateway: bool, verbose: bool) -> Reporter {
        let this = self.clone();
        Reporter::new(move |notice| match notice {
            Notice::Operation(_) if !show_gateway => {}
            Notice::Operation(observed) => this.observed(observed, verbose),
            notice => this.notice(notice),
        })
    }

    fn notice(&self, notice: Notice<'_>) {
        let style = self.style;
        let reload = style.strong("reload");
        let line = match notice {
            Notice::Line(text) => text.to_owned(),
            Notice::Comment(text) => style.faint(text),
            Notice::Note(text) => format!("{} {text}", style.faint("note:")),
            Notice::Warning(text) => format!("{} {text}", style.bad("warning:")),
            Notice::Error(text) => format!("{} {text}", style.bad("error:")),
            Notice::Log { function, line } => return self.log(function, line),
            Notice::Operation(observed) => return self.observed(observed, false),
            Notice::ClientCall { action, text } => format!("{} {text}", style.strong(action)),
            Notice::Reloading { function, changed } => {
                format!("{reload} {function} {changed} changed")
            }
            Notice::Reloaded {
                function,
                differs,
                time,
            } => {
                let done = style.good(if differs { "ok" } else { "unchanged" });
                let time = style.faint(&millis(time));
                format!("{reload} {function} {done} {time}")
            }
            Notice::ReloadFailed {
                subject,
                kept,
                reason,
            } => {
                let failed = style.bad(&format!("failed, the old {kept} stays in use:"));
                format!("{reload} {subject} {failed} {reason}")
            }
            _ => return,
        };
        self.line(line);
    }

    fn log(&self, function: &str, line: &LogLine) {
        let source = format!("{function} {} |", line.environment);
        let text = match line.stream {
            Stream::Platform => self.style.bad(&line.text),
            _ => line.text.clone(),
        };
        self.line(format!("{} {text}", self.style.faint(&source)));
    }

    fn observed(&self, observed: &Operation<'_>, verbose: bool) {
        let good = observed.outcome.is_good();
        let name = match observed.kind {
            OperationKind::Connect | OperationKind::Message | OperationKind::Disconnect => {
                observed.route.to_owned()
            }
            kind => kind.to_string(),
        };
        let shown = match observed.kind {
            OperationKind::Connect
            | OperationKind::Authorize
            | OperationKind::Message
            | OperationKind::Disconnect => true,
            // The start of a function calls this for a connection that never existed.
            OperationKind::Inspect => verbose,
            _ => verbose || !good,
        };
        if !shown {
            return;
        }
        let outcome = observed.outcome.to_string();
        let outcome = match good {
            true => self.style.good(&outcome),
            false => self.style.bad(&outcome),
        };
        let mut line = format!(
            "{} {} {outcome} {}",
            self.style.strong(&format!("{name:<12}")),
            observed.connection_id,
            self.style.faint(&millis(observed.duration)),
        );
        if let Some(detail) = observed.detail {
            line.push_str(&format!(" {detail}"));
        }
        self.line(line);
    }
}

/// Writes lines to stdout. If its reader has ended, as `head` does, the command ends too.
pub(super) fn print_lines(lines: impl IntoIterator<Item = String>) -> Result<(), Failure> {
    let mut text = String::new();
    for line in lines {
        text.push_str(&line);
        text.push('\n');
    }
    let mut stdout = std::io::stdout().lock();
    let written = stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush());
    match written {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => std::process::exit(0),
        written => Ok(written?),
    }
}

pub(super) fn print_error(failure: &Failure) {
    eprintln!("{} {}", Style::stderr().bad("error:"), failure.text());
}

/// Formats a duration: `1.5 ms`.
pub(super) fn millis(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1000.0)
}

impl Drop for Printer {
    fn drop(&mut self) {
        self.lines = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
