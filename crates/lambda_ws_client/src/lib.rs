#![cfg_attr(docsrs, feature(doc_cfg))]
#![doc = include_str!("../README.md")]

mod client;
mod error;
mod machine;
mod protocol;
mod room;
mod socket;
mod subscription;

pub use client::{Builder, Client, Handshake, RequestBuilder, RoomBuilder, Status};
pub use error::{BoxError, Error};
pub use machine::{QueueDrops, State};
pub use protocol::Position;
pub use subscription::{Gap, Message, RoomEvent, Subscription};
