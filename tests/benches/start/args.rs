//! What is to be measured, and how often.

pub(super) const HELP: &str = "\
Benchmarks of a function's start, its first event, its size, and what an event costs it: the chat as it is
deployed, beside programs of lambda_runtime alone. Each measurement is a process of its own, one after
another of each kind; the tables have the medians. Functions run on one core, and all else on another.

Usage: cargo bench -p tests --bench start [-- [OPTIONS] [SECTION]..]

Sections (all by default):
  next            from a process's start to its first wait for an event
  first           the first $connect, which writes to DynamoDB over TLS, and the second
  size            the program, and the ZIP file of it
  event           processor time of one event, and instructions, if there is valgrind
  memory          growth of the resident memory over many events

Options:
  --rounds N      how often each start is measured [default: 30]
  --events N      of how many events processor time is measured [default: 20000]
  --memory N      over how many events memory is measured [default: 100000]
  --check         fail if a must is missed
  --help          this
";

/// What is to be measured, and how often.
#[derive(Debug)]
pub(super) struct Args {
    pub(super) sections: Vec<Section>,
    pub(super) rounds: usize,
    pub(super) events: usize,
    pub(super) memory: usize,
    pub(super) check: bool,
    pub(super) help: bool,
}

/// One subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Section {
    Next,
    First,
    Size,
    Event,
    Memory,
}

impl Args {
    /// Reads the arguments.
    ///
    /// # Errors
    ///
    /// The one that is not understood.
    pub(super) fn read(args: impl IntoIterator<Item = String>) -> Result<Self, String> {
        let mut read = Self {
            sections: Vec::new(),
            rounds: 30,
            events: 20_000,
            memory: 100_000,
            check: false,
            help: false,
        };
        let mut args = args.into_iter();
        while let Some(arg) = args.next() {
            let mut number = || {
                let number = args.next().and_then(|n| n.parse().ok());
                let wrong = || format!("`{arg}` has no proper value: see --help");
                number.filter(|n| *n > 0).ok_or_else(wrong)
            };
            match arg.as_str() {
                "next" => read.sections.push(Section::Next),
                "first" => read.sections.push(Section::First),
                "size" => read.sections.push(Section::Size),
                "event" => read.sections.push(Section::Event),
                "memory" => read.sections.push(Section::Memory),
                "--rounds" => read.rounds = number()?,
                "--events" => read.events = number()?,
                "--memory" => read.memory = number()?,
                "--check" => read.check = true,
                "--help" | "-h" => read.help = true,
                // What cargo says to every benchmark.
                "--bench" => {}
                _ => return Err(format!("`{arg}` is not understood: see --help")),
            }
        }
        if read.sections.is_empty() {
            use Section::{Event, First, Memory, Next, Size};
            read.sections = vec![Next, First, Size, Event, Memory];
        }
        Ok(read)
    }
}
