//! A monthly estimate of what a WebSocket API costs on AWS.
//!
//! [`Workload`] describes the clients and the function, [`Prices`] the prices, [`estimate`] multiplies them, and
//! [`savings`] compares the workload with cheaper ones. `lambda-ws-local cost` prints the result.
//!
//! ```
//! use lambda_ws_local::cost::{Prices, Workload, estimate};
//!
//! let workload = Workload { connections: 5000.0, room: 20.0, ..Workload::default() };
//! workload.check()?;
//! println!("${:.2} a month", estimate(&workload, &Prices::default()).total());
//! # Ok::<(), lambda_ws_local::cost::WorkloadError>(())
//! ```

mod estimate;
mod operations;
mod prices;
mod savings;
#[cfg(test)]
mod tests;
mod traffic;
mod workload;

pub use estimate::{Estimate, Line, estimate};
pub use operations::{OPERATIONS, Operation};
pub use prices::{AS_OF, PRICES, Price, PriceError, Prices, REGION};
pub use savings::{Saving, savings};
pub use traffic::Traffic;
pub use workload::{Architecture, Workload, WorkloadError};
