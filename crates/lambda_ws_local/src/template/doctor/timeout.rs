//! How long a function may take: API Gateway waits 29 s for it (conformance E5), Lambda 3 s unless it is told.

use super::finding::Found;
use super::place::Place;
use super::subject::Subject;

/// What API Gateway waits, in seconds.
const INTEGRATION: u64 = 29;
/// Lambda's default, in seconds: less than a cold start and one slow database call may take.
const DEFAULT: u64 = 3;

pub(super) fn look(subject: &Subject<'_, '_>) -> Vec<Found> {
    let mut found = Vec::new();
    for handler in subject.routed() {
        let resource = handler.resource;
        let (id, place) = (&resource.id, Place::of(resource, &["Timeout"]));
        let given = resource
            .properties
            .entry("Timeout")
            .filter(|node| !node.is_null());
        let seconds = match given.map(|node| subject.scope.text(node)) {
            None => None,
            Some(text) => match text.ok().and_then(|text| text.trim().parse::<u64>().ok()) {
                Some(seconds) => Some(seconds),
                None => continue,
            },
        };
        let short = "a cold start or a message to many is killed in the middle";
        let mend = format!("write `Timeout: {INTEGRATION}`");
        found.extend(match seconds {
            None => Some(
                Found::mistake(place, format!("function `{id}` has no `Timeout`: Lambda's default is {DEFAULT} s"))
                    .effect(short)
                    .mend(mend),
            ),
            Some(seconds) if seconds <= DEFAULT => Some(
                Found::mistake(place, format!("function `{id}` has {seconds} s for an event"))
                    .effect(short)
                    .mend(mend),
            ),
            Some(seconds) if seconds > INTEGRATION => Some(
                Found::mistake(
                    place,
                    format!("function `{id}` has {seconds} s for an event, and API Gateway waits {INTEGRATION} s"),
                )
                .effect("the client is told `Endpoint request timed out` while the function goes on, and is paid for")
                .mend(format!("{mend}, and leave what takes longer to another function or a task")),
            ),
            Some(_) => None,
        });
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::tests::{RAW, SAM, broken, finds, is_right};

    #[test]
    fn a_function_has_as_long_as_api_gateway_waits() {
        for text in [SAM, RAW] {
            for wrong in ["", "      Timeout: 3\n", "      Timeout: 30\n"] {
                finds(&broken(text, "      Timeout: 29\n", wrong), "timeout");
            }
            is_right(&broken(text, "Timeout: 29", "Timeout: 10"));
        }
    }
}
