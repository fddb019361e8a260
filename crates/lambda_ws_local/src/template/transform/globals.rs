//! SAM's `Globals`: shared properties of all functions, APIs or tables.

use crate::template::syntax::{Entry, Node, Value};

/// Merges `Globals` into the properties of a resource as SAM does. Maps are merged by key, and lists are concatenated.
/// Otherwise the value of the resource takes precedence.
pub(crate) fn merge(
    globals: Option<&Node>,
    kind: &str,
    own: &Node,
    ignored: Option<&Node>,
) -> Node {
    let shared = kind
        .strip_prefix("AWS::Serverless::")
        .and_then(|section| globals?.entry(section));
    let Some(shared) = shared else {
        return own.clone();
    };
    let ignored = |key: &str| match ignored.map(|node| &node.value) {
        Some(Value::Text(all)) => &**all == "*",
        Some(Value::List(keys)) => keys.iter().any(|one| one.as_text() == Some(key)),
        _ => false,
    };
    let shared = shared
        .entries()
        .iter()
        .filter(|entry| !ignored(&entry.key))
        .cloned()
        .collect();
    // A resource without properties also has the shared properties.
    let own = if own.is_null() {
        Node::map(Vec::new(), own.line)
    } else {
        own.clone()
    };
    merged(&Node::map(shared, own.line), &own)
}

fn merged(shared: &Node, own: &Node) -> Node {
    match (&shared.value, &own.value) {
        (Value::Map(all), Value::Map(more))
            if shared.intrinsic().is_none() && own.intrinsic().is_none() =>
        {
            let mut entries: Vec<Entry> = Vec::with_capacity(all.len() + more.len());
            for entry in all.iter() {
                let value = match own.entry(&entry.key) {
                    Some(value) => merged(&entry.value, value),
                    None => entry.value.clone(),
                };
                entries.push(Entry {
                    value,
                    ..entry.clone()
                });
            }
            entries.extend(
                more.iter()
                    .filter(|entry| shared.entry(&entry.key).is_none())
                    .cloned(),
            );
            Node::map(entries, own.line)
        }
        (Value::List(all), Value::List(more)) => {
            Node::list(all.iter().chain(more.iter()).cloned().collect(), own.line)
        }
        _ => own.clone(),
    }
}
