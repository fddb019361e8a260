//! Whether what was answered can have happened one thing after another.

use super::spec::{Action, Known, Outcome, apply};
use std::collections::HashSet;

/// One call to a store about one connection.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) connection: usize,
    pub(crate) action: Action,
    pub(crate) outcome: Outcome,
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

type Position = (Vec<Progress>, Option<Known>);

/// Whether there is an order of `calls` that leads from one state of the connection to the other,
/// gives the answers that were given, and puts no call before one that had ended when it began.
pub(crate) fn is_possible(start: Option<Known>, calls: &[&Call], end: &Option<Known>) -> bool {
    let mut seen: HashSet<Position> = HashSet::new();
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
fn steps(call: &Call, progress: Progress, state: &Option<Known>) -> Vec<(Progress, Option<Known>)> {
    let mut after = state.clone();
    let outcome = apply(&mut after, &call.action);
    if call.outcome == Outcome::Unknown {
        return vec![(Progress::Ended, state.clone()), (Progress::Ended, after)];
    }
    if progress == Progress::Repeated {
        let refused = outcome == call.outcome && !is_own_work(&call.action, state);
        return refused
            .then(|| (Progress::Ended, state.clone()))
            .into_iter()
            .collect();
    }
    let mut steps = Vec::new();
    if call.lost && is_refusal(&call.outcome) && !is_refusal(&outcome) {
        steps.push((Progress::Repeated, after.clone()));
    }
    if outcome == call.outcome {
        steps.push((Progress::Ended, after));
    }
    steps
}

/// Whether a call's effect is still there to be recognized by the call itself, which then succeeds.
fn is_own_work(action: &Action, state: &Option<Known>) -> bool {
    state.as_ref().is_some_and(|known| match action {
        Action::MarkGone(at) => known.at == *at && known.gone,
        Action::Save(at, _, session) => known.at == *at && known.session.as_ref() == Some(session),
        // DynamoDB recognizes a transaction by its token.
        Action::Join(..) | Action::Leave(..) | Action::Enter(..) => true,
        _ => false,
    })
}

fn is_refusal(outcome: &Outcome) -> bool {
    matches!(
        outcome,
        Outcome::NotConnected | Outcome::Conflict | Outcome::Removed(None) | Outcome::Marked(false)
    )
}
