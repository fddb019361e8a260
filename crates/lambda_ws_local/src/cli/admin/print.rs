//! The output of commands: text for people, or JSON lines.

use super::table::{lines, safe};
use crate::cli::output::{Style, print_lines};
use lambda_ws_local::emulator::Failure;
use lambda_ws_protocol::Timestamp;
use lambda_ws_protocol::admin::{
    Details, Disconnected, Followed, Listing, Sent, TaskRow, TaskState,
};
use serde::Serialize;
use serde_json::json;
use std::io::IsTerminal;
use std::time::Duration;
use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;

const FORMAT: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day] [hour]:[minute]:[second]Z");

/// The output of a command.
#[derive(Clone, Copy)]
pub(super) struct Output {
    is_json: bool,
}

impl Output {
    pub(super) fn new(is_json: bool) -> Self {
        Self { is_json }
    }

    /// Prints a hint on stderr.
    pub(super) fn note(self, text: &str) {
        eprintln!("{} {}", Style::stderr().faint("note:"), safe(text));
    }

    /// Prints the progress on stderr, if that is a terminal.
    pub(super) fn progress(self, text: &str) {
        if std::io::stderr().is_terminal() {
            eprintln!("{}", Style::stderr().faint(text));
        }
    }

    pub(super) fn count(self, count: u64) -> Result<(), Failure> {
        match self.is_json {
            true => write_json([&json!({ "count": count })]),
            false => print_lines([count.to_string()]),
        }
    }

    pub(super) fn rows(
        self,
        rows: &[Listing],
        details: bool,
        is_first: bool,
    ) -> Result<(), Failure> {
        if self.is_json {
            return write_json(rows);
        }
        let cells = |row: &Listing| {
            let mut cells = vec![safe(row.connection.as_str())];
            if details {
                cells.push(row.user.as_deref().map_or("-".to_owned(), safe));
                cells.push(row.connected_at.map_or("-".to_owned(), date));
                cells.push(row.session_bytes.unwrap_or_default().to_string());
                cells.push(names(row.rooms.as_deref().unwrap_or_default()));
            }
            cells
        };
        let names: &[&str] = match details {
            true => &["CONNECTION", "USER", "CONNECTED", "SESSION", "ROOMS"],
            false => &["CONNECTION"],
        };
        table(names, rows.iter().map(cells), is_first)
    }

    pub(super) fn details(self, details: &Details) -> Result<(), Failure> {
        if self.is_json {
            return write_json([details]);
        }
        let row = |name: &str, value: String| vec![name.to_owned(), value];
        let mut rows = vec![
            row("connection", safe(details.connection.as_str())),
            row("user", details.user.as_deref().map_or("-".to_owned(), safe)),
            row("rooms", names(&details.rooms)),
            row("connected", date(details.connected_at)),
            row("expires", date(details.expires)),
            row("api", safe(&details.api)),
            row("session", format!("{} bytes", details.session_bytes)),
        ];
        if details.gone {
            rows.push(row("gone", "yes, until its $disconnect".to_owned()));
        }
        if let Some(client) = &details.client {
            rows.push(row("last active", date(client.last_active_at)));
            rows.push(row("source IP", safe(&client.source_ip)));
            let agent = client.user_agent.as_deref();
            rows.push(row("user agent", agent.map_or("-".to_owned(), safe)));
        }
        if let Some(error) = &details.client_error {
            rows.push(row("socket", safe(error)));
        }
        if let Some(session) = &details.session {
            rows.push(row("content", safe(session.get())));
        }
        let style = Style::stdout();
        let width = "user agent".len();
        print_lines(lines(&rows).into_iter().map(|line| {
            let (name, value) = line.split_at_checked(width + 2).unwrap_or((&line, ""));
            format!("{}{value}", style.faint(name))
        }))
    }

    pub(super) fn disconnected(self, done: &Disconnected) -> Result<(), Failure> {
        if self.is_json {
            return write_json([done]);
        }
        let counts = [
            ("closed", done.closed),
            ("gone before", done.gone),
            ("throttled", done.throttled),
            ("failed", done.failed),
            ("follow-up tasks", done.tasks),
        ];
        print_lines([sentence(counts)])
    }

    pub(super) fn sent(self, sent: &Sent) -> Result<(), Failure> {
        if self.is_json {
            return write_json([sent]);
        }
        let counts = [
            ("sent", sent.sent),
            ("gone", sent.gone),
            ("throttled", sent.throttled),
            ("failed", sent.failed),
            ("follow-up tasks", sent.tasks),
        ];
        let position = sent.position.as_ref();
        let position = position.map(|position| format!(", position {position}"));
        print_lines([sentence(counts) + &position.unwrap_or_default()])
    }

    pub(super) fn tasks(self, tasks: &[TaskRow], is_first: bool) -> Result<(), Failure> {
        if self.is_json {
            return write_json(tasks);
        }
        let cells = |task: &TaskRow| {
            let state = match task.state {
                TaskState::Running => "running",
                TaskState::HandingOff => "handing off",
                TaskState::Waiting => "waiting for a retry",
            };
            // A part is 1/256 of the audience.
            let parts = task.remaining_parts;
            let parts = parts.map(|parts| format!("{:.1} %", parts as f64 / 2.56));
            let others = task.remaining_connections.filter(|count| *count > 0);
            let others = others.map_or(String::new(), |count| format!(" + {count}"));
            let left = parts.map_or("-".to_owned(), |parts| parts + &others);
            vec![safe(&task.id), state.to_owned(), date(task.until), left]
        };
        let names = ["TASK", "STATE", "RESERVED UNTIL", "LEFT OF THE AUDIENCE"];
        let is_first = is_first && !tasks.is_empty();
        table(&names, tasks.iter().map(cells), is_first)
    }

    pub(super) fn messages(self, room: &str, followed: &Followed) -> Result<(), Failure> {
        let epoch = &followed.position.epoch;
        let messages = followed.messages.iter();
        match self.is_json {
            true => write_json(messages.map(
                |(seq, data)| json!({"room": room, "epoch": epoch, "seq": seq, "data": data}),
            )),
            false => {
                let style = Style::stdout();
                print_lines(messages.map(|(seq, data)| {
                    format!("{} {}", style.faint(&format!("#{seq}")), safe(data.get()))
                }))
            }
        }
    }
}

/// Prints a table, with its header if it is the first part.
fn table(
    names: &[&str],
    rows: impl Iterator<Item = Vec<String>>,
    is_first: bool,
) -> Result<(), Failure> {
    let header = names.iter().map(|name| (*name).to_owned()).collect();
    let rows: Vec<Vec<String>> = std::iter::once(header).chain(rows).collect();
    let style = Style::stdout();
    // The header also gives the columns of later parts their least width.
    let lines = lines(&rows).into_iter().enumerate();
    let lines = lines.filter(|(number, _)| is_first || *number > 0);
    print_lines(lines.map(|(number, line)| match number {
        0 => style.strong(&line),
        _ => line,
    }))
}

/// Returns counts as text, without those that are zero, except the first.
fn sentence<const N: usize>(counts: [(&str, usize); N]) -> String {
    let counts = counts.into_iter().enumerate();
    let counts = counts.filter(|(number, (_, count))| *number == 0 || *count > 0);
    let counts: Vec<_> = counts
        .map(|(_, (name, count))| format!("{count} {name}"))
        .collect();
    counts.join(", ")
}

/// Returns names with commas. A name with a comma or a space is quoted.
fn names(names: &[String]) -> String {
    let name = |name: &String| match name.contains([',', ' ', '"']) || name.is_empty() {
        true => format!("{name:?}"),
        false => safe(name),
    };
    match names {
        [] => "-".to_owned(),
        names => names.iter().map(name).collect::<Vec<_>>().join(", "),
    }
}

/// Returns a time in UTC with its distance from now: `2026-11-28 11:22:20Z (3 min ago)`.
fn date(time: Timestamp) -> String {
    let now = Timestamp::now();
    let distance = match time > now {
        true => format!("in {}", rough(time - now)),
        false => format!("{} ago", rough(now - time)),
    };
    let date = i64::try_from(time.secs()).ok();
    let date = date.and_then(|secs| OffsetDateTime::from_unix_timestamp(secs).ok());
    match date.and_then(|date| date.format(FORMAT).ok()) {
        Some(date) => format!("{date} ({distance})"),
        None => time.to_string(),
    }
}

fn rough(duration: Duration) -> String {
    match duration.as_secs() {
        secs @ 0..120 => format!("{secs} s"),
        secs @ 120..7200 => format!("{} min", secs / 60),
        secs => format!("{} h", secs / 3600),
    }
}

fn write_json<T: Serialize>(values: impl IntoIterator<Item = T>) -> Result<(), Failure> {
    let lines = values
        .into_iter()
        .map(|value| serde_json::to_string(&value));
    print_lines(lines.collect::<Result<Vec<_>, _>>()?)
}
