use std::cell::RefCell;

use super::construct::Constructs;
use super::note::Note;
use super::problem::Problem;

/// What a reading has found so far.
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

    /// Adds a note on what does not work without further settings.
    pub(crate) fn warn(&self, line: usize, text: impl Into<String>) {
        self.add(Note::warning(line, text));
    }

    pub(crate) fn add(&self, note: Note) {
        self.notes.borrow_mut().push(note);
    }

    /// Sets which lines belong to which constructs of CDK.
    pub(crate) fn locate(&self, constructs: Constructs) {
        *self.constructs.borrow_mut() = constructs;
    }

    /// The value, or nothing and a problem more.
    pub(crate) fn keep<T>(&self, result: Result<T, Problem>) -> Option<T> {
        result.map_err(|problem| self.problem(problem)).ok()
    }

    /// The notes, in the order of their lines, if there is no problem.
    pub(crate) fn finish(self) -> Result<Vec<Note>, Vec<Problem>> {
        let constructs = self.constructs.into_inner();
        let problems = self.problems.into_inner().into_iter();
        let problems: Vec<_> = problems.map(|one| constructs.name(one)).collect();
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
