use std::cell::RefCell;

use super::{Note, Problem};

/// What a reading has found so far.
#[derive(Default)]
pub(crate) struct Report {
    problems: RefCell<Vec<Problem>>,
    notes: RefCell<Vec<Note>>,
}

impl Report {
    pub(crate) fn problem(&self, problem: Problem) {
        self.problems.borrow_mut().push(problem);
    }

    pub(crate) fn note(&self, line: usize, text: impl Into<String>) {
        self.notes.borrow_mut().push(Note {
            line,
            text: text.into(),
        });
    }

    /// The value, or nothing and a problem more.
    pub(crate) fn keep<T>(&self, result: Result<T, Problem>) -> Option<T> {
        result.map_err(|problem| self.problem(problem)).ok()
    }

    /// The notes, in the order of their lines, if there is no problem.
    pub(crate) fn finish(self) -> Result<Vec<Note>, Vec<Problem>> {
        let problems = self.problems.into_inner();
        if !problems.is_empty() {
            return Err(problems);
        }
        let mut notes = self.notes.into_inner();
        notes.sort();
        notes.dedup();
        Ok(notes)
    }
}
