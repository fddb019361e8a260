//! Whether what was answered can have happened one thing after another.

use std::collections::HashSet;
use std::fmt::Debug;
use std::hash::Hash;

/// Something that is asked about one thing that a store keeps, or done to it.
pub(crate) trait Action: Debug + Clone {
    /// What is kept.
    type State: Debug + Clone + Eq + Hash;
    /// What is answered.
    type Outcome: Debug + Clone + Eq;

    /// The task ended half-way, or the store did not answer: it may be done or not.
    const UNKNOWN: Self::Outcome;

    /// Does it.
    fn apply(&self, state: &mut Self::State) -> Self::Outcome;

    /// Whether nothing was done.
    fn is_refusal(outcome: &Self::Outcome) -> bool;

    /// Whether its effect is still there to be recognized by the call itself, which then succeeds.
    fn is_own_work(&self, state: &Self::State) -> bool;

    /// Whether it may be done again, if the database is asked again because its answer was lost.
    fn may_repeat(&self) -> bool;
}

/// One call to a store about one thing.
#[derive(Debug, Clone)]
pub(crate) struct Call<A: Action> {
    pub(crate) about: usize,
    pub(crate) action: A,
    pub(crate) outcome: A::Outcome,
    /// Whether an answer of the database was lost, so that the SDK asked again.
    pub(crate) lost: bool,
    /// Whether its last request failed, and the store gave up.
    pub(crate) failed: bool,
    pub(crate) begin: u32,
    pub(crate) end: u32,
}

/// How far a call is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Progress {
    Open,
    /// It had its effect, and the answer was lost.
    Repeated,
    Ended,
}

/// Whether there is an order of `calls` that leads from one state to the other, gives the answers that
/// were given, and puts no call before one that had ended when it began.
pub(crate) fn is_possible<A: Action>(start: A::State, calls: &[&Call<A>], end: &A::State) -> bool {
    let mut seen: HashSet<(Vec<Progress>, A::State)> = HashSet::new();
    let mut open = vec![(vec![Progress::Open; calls.len()], start)];
    while let Some((progress, state)) = open.pop() {
        if !seen.insert((progress.clone(), state.clone())) {
            continue;
        }
        let left = |n: &usize| progress[*n] != Progress::Ended;
        if !(0..calls.len()).any(|n| left(&n)) {
            if state == *end {
                return true;
            }
            continue;
        }
        let first_end = (0..calls.len()).filter(left).map(|n| calls[n].end).min();
        for n in (0..calls.len()).filter(left) {
            if Some(calls[n].begin) > first_end {
                continue;
            }
            for (next, state) in steps(calls[n], progress[n], &state) {
                let mut progress = progress.clone();
                progress[n] = next;
                open.push((progress, state));
            }
        }
    }
    false
}

/// What may happen next with a call.
fn steps<A: Action>(
    call: &Call<A>,
    progress: Progress,
    state: &A::State,
) -> Vec<(Progress, A::State)> {
    let mut after = state.clone();
    let outcome = call.action.apply(&mut after);
    let (is_done, repeats) = (!A::is_refusal(&outcome), call.action.may_repeat());
    let mut steps = Vec::new();
    if call.outcome == A::UNKNOWN {
        if repeats && is_done {
            steps.push((Progress::Repeated, after.clone()));
        }
        steps.push((Progress::Ended, state.clone()));
        steps.push((Progress::Ended, after));
        return steps;
    }
    let was_lost = match progress {
        Progress::Repeated => repeats,
        _ => call.lost && (repeats || A::is_refusal(&call.outcome)),
    };
    if was_lost && is_done {
        steps.push((Progress::Repeated, after.clone()));
    }
    let is_recognized = progress == Progress::Repeated && call.action.is_own_work(state);
    if outcome == call.outcome && !is_recognized {
        steps.push((Progress::Ended, after));
    }
    steps
}
