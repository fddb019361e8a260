//! What is true whenever nothing is under way.

use super::history::{Call, is_possible};
use super::schedule::{CONNECTIONS, ROOMS, USER, id, room};
use super::spec::{Action, Known, Outcome};
use super::world::World;
use lambda_ws::Timestamp;
use lambda_ws::store::{Scope, Store};
use std::collections::{BTreeMap, BTreeSet};

/// A connection in a group.
type Membership = (usize, Scope);

/// What is known of a store when nothing is under way.
#[derive(Debug, Default)]
pub(crate) struct Quiet {
    records: Vec<Option<Known>>,
    /// Members that no record knows of, and when they expire: what a removal left behind.
    ghosts: BTreeMap<Membership, Timestamp>,
    /// Members that a record knows of and that are not there: what a registration did not get to.
    missing: BTreeSet<Membership>,
}

impl Quiet {
    /// Looks at a store.
    pub(crate) async fn look<S: Store>(world: &World<'_, S>) -> Self {
        let mut quiet = Self::default();
        for n in 0..CONNECTIONS {
            // Also what has expired, if it is still in the table.
            let id = id(n);
            let record = world.store.record(&id, Timestamp::default()).await;
            let record = record.expect("record");
            quiet.records.push(record.as_ref().map(Known::from));
        }
        for scope in scopes() {
            let members = world.members(&scope, world.now).await.expect("page");
            for n in 0..CONNECTIONS {
                let found = members.iter().filter(|member| **member == id(n)).count();
                assert!(found <= 1, "{n} is {found} times in {scope:?}");
                let record = &quiet.records[n];
                let expected = record.as_ref().is_some_and(|r| r.is_in(&scope, world.now));
                match (found == 1, expected) {
                    (true, false) => {
                        let last = world.lives[n].last().expect("it was registered");
                        quiet.ghosts.insert((n, scope.clone()), last.1);
                    }
                    (false, true) => drop(quiet.missing.insert((n, scope.clone()))),
                    _ => {}
                }
            }
        }
        quiet
    }

    /// Checks that `calls` can have led from here to `next`.
    pub(crate) fn check(&self, calls: &[Call<Action>], next: &Self, now: Timestamp) {
        for n in 0..CONNECTIONS {
            let of_it = || calls.iter().filter(|call| call.about == n);
            let moves = of_it().any(|call| is_gradual(&call.action));
            let explained: Vec<&Call<Action>> = of_it()
                .filter(|call| match &call.action {
                    // Members come and go one by one while a connection comes or goes.
                    Action::Find(scope, _) => !moves && !self.is_odd(n, scope),
                    _ => true,
                })
                .collect();
            let (start, end) = (self.records[n].clone(), &next.records[n]);
            assert!(
                is_possible(start.clone(), &explained, end),
                "connection {n} cannot come from {start:?} to {end:?} by {explained:#?}"
            );
            let may_leave_ghosts = of_it().any(|call| leaves_ghosts(call, start.is_some()));
            for ((_, scope), expires) in next.ghosts.iter().filter(|((of, _), _)| *of == n) {
                let before = self.ghosts.get(&(n, scope.clone()));
                assert!(
                    before.is_some() || may_leave_ghosts,
                    "{n} is in {scope:?} without a record: {:#?}",
                    of_it().collect::<Vec<_>>()
                );
                let expires = before.unwrap_or(expires);
                assert!(*expires > now, "{n} is in {scope:?} after it has expired");
            }
            let may_miss = of_it().any(|call| {
                matches!(call.action, Action::Register(_)) && call.outcome == Outcome::Unknown
            });
            for missing in next.missing.iter().filter(|(of, _)| *of == n) {
                assert!(
                    may_miss || self.missing.contains(missing),
                    "{missing:?} is lost: {:#?}",
                    of_it().collect::<Vec<_>>()
                );
            }
        }
    }

    /// Remembers since when ghosts are known.
    pub(crate) fn after(mut self, before: &Self) -> Self {
        for (membership, expires) in &mut self.ghosts {
            if let Some(known) = before.ghosts.get(membership) {
                *expires = *known;
            }
        }
        self
    }

    /// Whether readers find nobody.
    pub(crate) fn is_empty(&self, now: Timestamp) -> bool {
        let mut records = self.records.iter().flatten();
        self.ghosts.is_empty() && records.all(|record| record.expires <= now)
    }

    fn is_odd(&self, n: usize, scope: &Scope) -> bool {
        let membership = (n, scope.clone());
        self.ghosts.contains_key(&membership) || self.missing.contains(&membership)
    }
}

fn scopes() -> impl Iterator<Item = Scope> {
    let rooms = (0..ROOMS).map(|n| Scope::Room(room(n)));
    rooms.chain([Scope::User(USER.to_owned()), Scope::Everyone])
}

/// Whether its effects on members are not all at once.
fn is_gradual(action: &Action) -> bool {
    matches!(
        action,
        Action::Register(_) | Action::Remove(_) | Action::MarkGone(_)
    )
}

/// Whether a call may have left members without a record: it ended half-way, or it was carried out
/// and does not know.
fn leaves_ghosts(call: &Call<Action>, used_again: bool) -> bool {
    let won = matches!(
        call.outcome,
        Outcome::Removed(Some(_)) | Outcome::Marked(true)
    );
    let half_way = call.outcome == Outcome::Unknown || won && call.failed;
    match &call.action {
        Action::Remove(_) => half_way || call.lost && call.outcome == Outcome::Removed(None),
        Action::MarkGone(_) => half_way || call.lost && call.outcome == Outcome::Marked(false),
        // The members of the connection that had the id before.
        Action::Register(_) => used_again && (half_way || call.lost),
        _ => false,
    }
}
