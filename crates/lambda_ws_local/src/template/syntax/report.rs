use super::node::Node;
use super::problem::Problem;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;

/// A part of a template that the local gateway does not reproduce.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub struct Note {
    /// The line in the template, counted from 1; 0 if the part is in the template of another stack.
    pub line: usize,
    /// One phrase that starts in lower case: the part and its local behavior.
    pub text: String,
    /// Whether a part of the application does not work without further settings.
    pub is_warning: bool,
}

impl Note {
    /// A note on `line`.
    pub fn new(line: usize, text: impl Into<String>) -> Self {
        Self {
            line,
            text: text.into(),
            is_warning: false,
        }
    }

    /// A warning on `line`.
    pub fn warning(line: usize, text: impl Into<String>) -> Self {
        Self {
            is_warning: true,
            ..Self::new(line, text)
        }
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => f.write_str(&self.text),
            line => write!(f, "line {line}: {}", self.text),
        }
    }
}

#[derive(Default)]
pub(crate) struct Report {
    problems: RefCell<Vec<Problem>>,
    notes: RefCell<Vec<Note>>,
    constructs: RefCell<Constructs>,
}

impl Report {
    pub(crate) fn problem(&self, problem: Problem) {
        self.problems.borrow_mut().push(problem);
    }

    pub(crate) fn note(&self, line: usize, text: impl Into<String>) {
        self.add(Note::new(line, text));
    }

    /// Adds a note on a part that does not work without further settings.
    pub(crate) fn warn(&self, line: usize, text: impl Into<String>) {
        self.add(Note::warning(line, text));
    }

    pub(crate) fn add(&self, note: Note) {
        self.notes.borrow_mut().push(note);
    }

    /// Sets the CDK constructs of a template from the line and the construct of each resource.
    pub(crate) fn set_constructs<'r>(
        &self,
        template: &Node,
        resources: impl Iterator<Item = (usize, Option<&'r str>)>,
    ) {
        // A line after the resources belongs to no resource.
        let sections = template.entries().iter().map(|section| section.line);
        let mut lines: BTreeMap<_, _> = sections.map(|line| (line, None)).collect();
        for (line, construct) in resources {
            // A line with several resources does not identify a construct.
            let construct = construct.filter(|_| !lines.contains_key(&line));
            lines.insert(line, construct.map(str::to_owned));
        }
        *self.constructs.borrow_mut() = Constructs(lines);
    }

    /// Returns the value, or `None` after it reports the problem.
    pub(crate) fn ok<T>(&self, result: Result<T, Problem>) -> Option<T> {
        result.map_err(|problem| self.problem(problem)).ok()
    }

    /// Returns the notes in the order of their lines, or the problems if there are any.
    pub(crate) fn finish(self) -> Result<Vec<Note>, Vec<Problem>> {
        let constructs = self.constructs.into_inner();
        let problems = self.problems.into_inner().into_iter();
        let problems: Vec<_> = problems
            .map(|one| {
                let construct = one.line().and_then(|line| constructs.at(line));
                one.of_construct(construct)
            })
            .collect();
        if !problems.is_empty() {
            return Err(problems);
        }
        let mut notes = self.notes.into_inner();
        for note in &mut notes {
            if let Some(construct) = constructs.at(note.line) {
                note.text = format!("{} ({construct})", note.text);
            }
        }
        notes.sort();
        notes.dedup();
        Ok(notes)
    }
}

/// The CDK constructs on the lines of a template: the first line of each section and resource, with a construct if the
/// resource has one.
#[derive(Default)]
struct Constructs(BTreeMap<usize, Option<String>>);

impl Constructs {
    /// The construct of the resource on a line.
    fn at(&self, line: usize) -> Option<&str> {
        let (_, construct) = self.0.range(..=line).next_back()?;
        construct.as_deref()
    }
}
