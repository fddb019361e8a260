//! Which environment works on which event, and so who makes a call.

use super::entry::{Calls, Origin};
use std::collections::HashMap;
use std::sync::Arc;

/// How many calls of one event are told one by one; the others are counted.
const CALLS: u32 = 300;

/// An environment of a function, as its session token names it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Session<'a> {
    pub(super) function: &'a str,
    pub(super) environment: u64,
}

/// What is going on.
#[derive(Default)]
pub(super) struct Running {
    /// Events that are not answered.
    events: HashMap<Arc<str>, Calls>,
    /// The last event of each environment, and whether it works on it.
    environments: HashMap<String, HashMap<u64, (Arc<str>, bool)>>,
}

impl Running {
    pub(super) fn begun(&mut self, id: Arc<str>) {
        self.events.insert(id, Calls::default());
    }

    /// An event is answered; the calls that were made for it.
    pub(super) fn ended(&mut self, id: &str) -> Calls {
        self.events.remove(id).unwrap_or_default()
    }

    pub(super) fn started(&mut self, session: Session<'_>, id: Arc<str>) {
        let work = (id, true);
        match self.environments.get_mut(session.function) {
            Some(numbers) => {
                numbers.insert(session.environment, work);
            }
            None => {
                let numbers = HashMap::from([(session.environment, work)]);
                let function = session.function.to_owned();
                self.environments.insert(function, numbers);
            }
        }
    }

    pub(super) fn rests(&mut self, session: Session<'_>) {
        let numbers = self.environments.get_mut(session.function);
        let work = numbers.and_then(|numbers| numbers.get_mut(&session.environment));
        if let Some((_, busy)) = work {
            *busy = false;
        }
    }

    pub(super) fn gone(&mut self, session: Session<'_>) {
        if let Some(numbers) = self.environments.get_mut(session.function) {
            numbers.remove(&session.environment);
        }
    }

    /// The last event of an environment, and whether it works on it.
    fn work(&self, session: Session<'_>) -> Option<&(Arc<str>, bool)> {
        let numbers = self.environments.get(session.function)?;
        numbers.get(&session.environment)
    }

    /// Whose call this is; `None` for one that is only counted.
    ///
    /// An environment works on one event at a time, so its session token tells the event. Who sends no token is not known: if
    /// exactly one event is under way it is likely to be that one's.
    pub(super) fn origin(&mut self, session: Option<Session<'_>>) -> Option<Origin> {
        let origin = match session {
            Some(session) => match self.work(session) {
                Some((id, true)) => Origin::During(id.clone()),
                Some((id, false)) => Origin::After(id.clone()),
                None => Origin::Start,
            },
            None => {
                let mut events = self.events.keys();
                match (events.next(), events.next()) {
                    (Some(only), None) => Origin::Likely(only.clone()),
                    _ => Origin::Unknown,
                }
            }
        };
        if let Origin::During(id) | Origin::Likely(id) = &origin
            && let Some(calls) = self.events.get_mut(id)
        {
            calls.made += 1;
            if calls.made > CALLS {
                calls.untold += 1;
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
        let mut running = Running::default();
        for (session, id) in [(FIRST, "a"), (SECOND, "b")] {
            running.begun(id.into());
            running.started(session, id.into());
        }
        assert_eq!(
            running.origin(Some(SECOND)),
            Some(Origin::During("b".into()))
        );
        assert_eq!(running.origin(None), Some(Origin::Unknown));
        running.rests(SECOND);
        running.ended("b");
        assert_eq!(
            running.origin(Some(SECOND)),
            Some(Origin::After("b".into()))
        );
        assert_eq!(running.origin(None), Some(Origin::Likely("a".into())));
    }

    #[test]
    fn a_process_calls_before_its_first_event_too() {
        let mut running = Running::default();
        assert_eq!(running.origin(Some(FIRST)), Some(Origin::Start));
        running.started(FIRST, "a".into());
        running.gone(FIRST);
        assert_eq!(running.origin(Some(FIRST)), Some(Origin::Start));
    }

    #[test]
    fn of_very_many_calls_of_an_event_the_last_are_only_counted() {
        let mut running = Running::default();
        running.begun("a".into());
        running.started(FIRST, "a".into());
        let told = (0..CALLS + 5).filter(|_| running.origin(Some(FIRST)).is_some());
        assert_eq!(told.count(), CALLS as usize);
        let calls = running.ended("a");
        assert_eq!((calls.made, calls.untold), (CALLS + 5, 5));
    }
}
