//! The subjects of the samples.

use tests::bench::{Goal, Table, Who};

pub(super) const GATEWAY: Who = "gateway";
pub(super) const TCP: Who = "plain TCP";
pub(super) const TUNGSTENITE: Who = "tungstenite";
pub(super) const PEER: Who = "serverless-offline";

/// A table of the figures of the gateway, beside those of the others.
pub(super) fn table(title: String) -> Table {
    Table::new(title, GATEWAY, &[TCP, TUNGSTENITE, PEER])
}

/// The ratio of the figures of the gateway and its peer.
pub(super) fn compare(table: &mut Table, name: &str, goal: Goal) {
    let less_is_better = name.ends_with("ms") || name.ends_with("us");
    let better = |ours, theirs| match less_is_better {
        true => theirs / ours,
        false => ours / theirs,
    };
    let title = ("times better than the peer", better);
    table.compare(name, PEER, title, goal);
}
