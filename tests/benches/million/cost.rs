//! The price of a simulated month.

use super::world::World;

/// The seconds of a month of 730 hours, as AWS counts them.
const MONTH: f64 = 730.0 * 3_600.0;

/// The memory of the function, in GB, as in the template.
const MEMORY: f64 = 0.25;

/// The prices of `crates/lambda_ws/docs/costs.md`, in $.
const MESSAGE: f64 = 1.00e-6;
const MINUTE: f64 = 0.25e-6;
const WRITE: f64 = 0.625e-6;
const READ: f64 = 0.125e-6;
const EVENT: f64 = 0.20e-6;
const GB_SECOND: f64 = 0.000_013_333_4;

/// Prints the price of a month like the simulated `seconds`, for a million connections.
pub(super) fn print(world: &World, connections: usize, seconds: f64) {
    let factor = MONTH / seconds * 1e6 / connections as f64;
    let minutes = 1e6 * MONTH / 60.0 * MINUTE;
    let messages = world.gateway.seen(|seen| {
        let out = seen.broadcast.total() + seen.room.total();
        (out + (seen.incoming - seen.incoming_throttled) as f64) * factor * MESSAGE
    });
    let lambda = world.lambda.counts(|counts| {
        (counts.events as f64 * EVENT + counts.billed * MEMORY * GB_SECOND) * factor
    });
    let table = world
        .table
        .used(|used| (used.writes.total() * WRITE + used.reads * READ) * factor);
    println!(
        "    a month of this for a million: connection minutes ${minutes:.0}, messages ${messages:.0}, Lambda ${lambda:.0}, DynamoDB ${table:.0}",
    );
}
