//! The subjects of the samples.

use tests::bench::{Table, Who};

pub(super) const LEAN: Who = "ApiGateway";
pub(super) const SDK: Who = "SDK";
pub(super) const ONE_BY_ONE: Who = "SDK, one by one";
pub(super) const FLOOR: Who = "floor";
pub(super) const SIGNER: Who = "own signer";
pub(super) const SIGV4: Who = "aws-sigv4";

/// A table of the figures of `ApiGateway`, beside those of the other clients.
pub(super) fn table(title: String) -> Table {
    Table::new(title, LEAN, &[SDK, ONE_BY_ONE, FLOOR])
}
