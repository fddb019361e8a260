//! What other tools' calls are here, for whoever has written websockets with one of them.

#[doc = include_str!("coming_from/aws_sdk.md")]
pub mod aws_sdk {}

#[doc = include_str!("coming_from/chalice.md")]
pub mod chalice {}

#[doc = include_str!("coming_from/nitric.md")]
pub mod nitric {}
