//! Attributes calls to the events that the environments handle.

use super::entry::{CallOrigin, Calls};
use crate::session_tokens::Session;
use std::collections::HashMap;
use std::sync::Arc;

/// The maximum number of logged calls per event. Further ones are only counted.
const CALLS: u32 = 300;

#[derive(Default)]
pub(super) struct Attribution {
    /// Events without a response yet.
    events: HashMap<Arc<str>, Calls>,
    /// The work of each environment.
    environments: HashMap<String, HashMap<u64, Work>>,
}

/// The work of an environment.
struct Work {
    /// The last event that it has begun.
    last: Arc<str>,
    /// The events that it works on.
    running: Vec<Arc<str>>,
}

impl Attribution {
    pub(super) fn begun(&mut self, id: Arc<str>) {
        self.events.insert(id, Calls::default());
    }

    /// Ends an event, and returns its number of calls.
    pub(super) fn ended(&mut self, id: &str) -> Calls {
        self.events.remove(id).unwrap_or_default()
    }

    pub(super) fn started(&mut self, session: Session<'_>, id: Arc<str>) {
        if !self.environments.contains_key(session.function) {
            let function = session.function.to_owned();
            self.environments.insert(function, HashMap::new());
        }
        let Some(numbers) = self.environments.get_mut(session.function) else {
            return;
        };
        let work = numbers.entry(session.environment).or_insert_with(|| Work {
            last: id.clone(),
            running: Vec::new(),
        });
        work.last = id.clone();
        work.running.push(id);
    }

    pub(super) fn idle(&mut self, session: Session<'_>, id: &str) {
        let numbers = self.environments.get_mut(session.function);
        let work = numbers.and_then(|numbers| numbers.get_mut(&session.environment));
        if let Some(work) = work {
            work.running.retain(|running| **running != *id);
        }
    }

    pub(super) fn environment_ended(&mut self, session: Session<'_>) {
        if let Some(numbers) = self.environments.get_mut(session.function) {
            numbers.remove(&session.environment);
        }
    }

    fn work(&self, session: Session<'_>) -> Option<&Work> {
        let numbers = self.environments.get(session.function)?;
        numbers.get(&session.environment)
    }

    /// Returns the origin of a call, or `None` if the call is only counted.
    ///
    /// An environment handles one event at a time, so its session token identifies the event. A call without a token is
    /// attributed to the only event in progress, if there is exactly one.
    pub(super) fn origin(&mut self, session: Option<Session<'_>>) -> Option<CallOrigin> {
        let origin = match session {
            Some(session) => match self.work(session) {
                None => CallOrigin::Start,
                Some(Work { last, running }) => match &running[..] {
                    [] => CallOrigin::After(last.clone()),
                    [only] => CallOrigin::During(only.clone()),
                    _ => CallOrigin::Unknown,
                },
            },
            None => {
                let mut events = self.events.keys();
                match (events.next(), events.next()) {
                    (Some(only), None) => CallOrigin::Likely(only.clone()),
                    _ => CallOrigin::Unknown,
                }
            }
        };
        if let CallOrigin::During(id) | CallOrigin::Likely(id) = &origin
            && let Some(calls) = self.events.get_mut(id)
        {
            calls.made += 1;
            if calls.made > CALLS {
                calls.unlogged += 1;
                return None;
            }
        }
        Some(origin)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: Session<'static> = Session {
        function: "chat",
        environment: 1,
    };
    const SECOND: Session<'static> = Session {
        function: "chat",
        environment: 2,
    };

    #[test]
    fn a_token_tells_the_event_among_several() {
        let mut attribution = Attribution::default();
        for (session, id) in [(FIRST, "a"), (SECOND, "b")] {
            attribution.begun(id.into());
            attribution.started(session, id.into());
        }
        let expected = Some(CallOrigin::During("b".into()));
        assert_eq!(attribution.origin(Some(SECOND)), expected);
        assert_eq!(attribution.origin(None), Some(CallOrigin::Unknown));
        attribution.idle(SECOND, "b");
        attribution.ended("b");
        let expected = Some(CallOrigin::After("b".into()));
        assert_eq!(attribution.origin(Some(SECOND)), expected);
        let expected = Some(CallOrigin::Likely("a".into()));
        assert_eq!(attribution.origin(None), expected);
    }

    #[test]
    fn a_token_does_not_tell_which_of_several_events_of_a_process() {
        let mut attribution = Attribution::default();
        for id in ["a", "b"] {
            attribution.begun(id.into());
            attribution.started(FIRST, id.into());
        }
        assert_eq!(attribution.origin(Some(FIRST)), Some(CallOrigin::Unknown));
        attribution.idle(FIRST, "b");
        assert_eq!(
            attribution.origin(Some(FIRST)),
            Some(CallOrigin::During("a".into()))
        );
    }

    #[test]
    fn a_process_calls_before_its_first_event_too() {
        let mut attribution = Attribution::default();
        assert_eq!(attribution.origin(Some(FIRST)), Some(CallOrigin::Start));
        attribution.started(FIRST, "a".into());
        attribution.environment_ended(FIRST);
        assert_eq!(attribution.origin(Some(FIRST)), Some(CallOrigin::Start));
    }

    #[test]
    fn of_very_many_calls_of_an_event_the_last_are_only_counted() {
        let mut attribution = Attribution::default();
        attribution.begun("a".into());
        attribution.started(FIRST, "a".into());
        let logged = (0..CALLS + 5).filter(|_| attribution.origin(Some(FIRST)).is_some());
        assert_eq!(logged.count(), CALLS as usize);
        let calls = attribution.ended("a");
        assert_eq!((calls.made, calls.unlogged), (CALLS + 5, 5));
    }
}
