//! The Markdown of the results.

use super::args::{Args, Section};
use super::machine::{machine, today};
use super::peers::Peers;
use std::fmt::Write;
use tests::bench::Table;

/// The results of one section.
#[derive(Debug)]
pub(super) struct Results {
    pub(super) section: Section,
    pub(super) tables: Vec<Table>,
    /// The load average of the machine before and after.
    pub(super) load: [String; 2],
}

const HEAD: &str = "# Benchmarks\n\n\
    lambda_ws beside today's alternatives, on one machine. `cargo bench -p tests --bench compare` measures and writes \
    this file.\n\n";

const METHOD: &str = "\
    - All functions run behind the same local gateway (`lambda-ws-local`), which is optimized, each with its own one.\n\
    - The functions alternate in every round. The figures are medians. The first round warms up and does not count.\n\
    - A number in brackets is the factor to lambda_ws. Above 1, lambda_ws needs less.\n\
    - The alternatives are small functions like AWS's samples, with a DynamoDB table of connections. Node.js posts to all \
    clients at once with `Promise.all`, Python and Rust in a loop. They are in `tests/benches/compare` and \
    `tests/examples/plain.rs`.\n\
    - Node.js and Python run in the small runtimes of `crates/lambda_ws_local/examples`, which start faster than those of \
    AWS.\n\
    - The network of AWS is missing: posts take microseconds here, and about 10 ms there. The section with 10 ms shows the \
    difference.\n";

/// Returns the whole document.
pub(super) fn document(args: &Args, peers: Option<&Peers>, results: &[Results]) -> String {
    let mut text = HEAD.to_owned();
    // Writing to a string does not fail.
    let _ = writeln!(text, "- Date: {}", today());
    let _ = writeln!(text, "- Machine: {}", machine());
    if let Some(peers) = peers {
        let _ = writeln!(text, "- Versions: {}", peers.versions.join(", "));
    }
    if args.unoptimized {
        text += "- Builds: without optimizations, so these figures only test the command\n";
    }
    let _ = writeln!(text, "- Rounds: {}\n\n## Method\n\n{METHOD}", args.rounds);
    for results in results {
        text += &results.markdown();
    }
    let lines = text.trim_end().lines().map(wrapped);
    lines.collect::<Vec<_>>().join("\n") + "\n"
}

/// The width of a line.
const WIDTH: usize = 120;

/// Returns a line of Markdown in several lines, if it is long and not a row of a table.
fn wrapped(line: &str) -> String {
    if line.starts_with('|') {
        return line.to_owned();
    }
    let indent = if line.starts_with("- ") { "\n  " } else { "\n" };
    let (mut text, mut width) = (String::new(), 0);
    for word in line.split(' ') {
        let length = word.chars().count();
        if width > 0 && width + 1 + length > WIDTH {
            text += indent;
            width = indent.len() - 1;
        } else if width > 0 {
            text.push(' ');
            width += 1;
        }
        text += word;
        width += length;
    }
    text
}

impl Results {
    /// Returns the section in Markdown.
    pub(super) fn markdown(&self) -> String {
        let (title, about) = match self.section {
            Section::Broadcast => (
                "A broadcast",
                "A backend invokes the function, which sends 200 bytes to all clients. CPU is that of all processes of \
                 the function, memory that of the largest one.",
            ),
            Section::Dead => (
                "A broadcast with dead connections",
                "5 % of the posts find that their connection is gone (410), at random, and its `$disconnect` is lost. The \
                 other clients are live. Without a catch, the first 410 ends the event, and Lambda freezes the process \
                 with its other posts until another event. Its records of dead connections stay in the table.",
            ),
            Section::Latency => (
                "A broadcast with 10 ms for each post",
                "Each post is answered after 10 ms, as if there were a network.",
            ),
            Section::Start => (
                "Start and archive",
                "A new process, without the time that AWS needs to load an archive. An archive contains the program, or the \
                 handler and its packages. The archive for Python contains only the handler, because AWS's runtime has \
                 boto3. AWS's runtime for Node.js has an SDK as well, whose version changes.",
            ),
            Section::Gateway => (
                "The local gateway",
                "lambda-ws-local beside serverless-offline, and servers that only echo. `cargo bench -p tests --bench \
                 gateway` measures more. For rates, a factor below 1 is in favour of lambda-ws-local.",
            ),
        };
        let mut text = format!("## {title}\n\n{about}\n\n");
        for table in &self.tables {
            let [before, after] = &self.load;
            let _ = write!(
                text,
                "{}; load average {before} to {after}:\n\n{}\n",
                table.title(),
                table.markdown()
            );
        }
        text
    }
}
