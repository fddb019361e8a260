//! Serverless websockets.

mod id;
pub mod limits;
pub mod selection;
mod timestamp;
pub mod wire;

pub use id::ConnectionId;
pub use timestamp::Timestamp;
