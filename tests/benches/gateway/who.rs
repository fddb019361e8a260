//! The subjects of the samples.

use tests::bench::{Goal, Table, Who};

pub(super) const GATEWAY: Who = "gateway";
pub(super) const TCP: Who = "plain TCP";
pub(super) const TUNGSTENITE: Who = "tungstenite";
pub(super) const PEER: Who = "serverless-offline";

/// A table of the gateway's figures, with those of all others beside them.
pub(super) fn table(title: String) -> Table {
    Table::new(title, GATEWAY, &[TCP, TUNGSTENITE, PEER])
}

/// A figure of how many times better than its peer the gateway is.
pub(super) fn compare(table: &mut Table, name: &str, goal: Goal) {
    let less_is_better = name.ends_with("ms") || name.ends_with("us");
    let better = |ours, theirs| match less_is_better {
        true => theirs / ours,
        false => ours / theirs,
    };
    let title = ("times better than the peer", better);
    table.compare(name, PEER, title, goal);
}
