#![doc = include_str!("../docs/guide.md")]

#[doc = include_str!("../docs/getting_started.md")]
pub mod getting_started {}

#[doc = include_str!("../docs/routing.md")]
pub mod routing {}

#[doc = include_str!("../docs/handlers.md")]
pub mod handlers {}

#[doc = include_str!("../docs/layers.md")]
pub mod layers {}

#[doc = include_str!("../docs/connections.md")]
pub mod connections {}

#[doc = include_str!("../docs/sending.md")]
pub mod sending {}

#[doc = include_str!("../docs/delivery.md")]
pub mod delivery {}

#[doc = include_str!("../docs/lossless_rooms.md")]
pub mod lossless_rooms {}

#[doc = include_str!("../docs/tasks.md")]
pub mod tasks {}

#[doc = include_str!("../docs/presence.md")]
pub mod presence {}

#[doc = include_str!("../docs/key_value.md")]
pub mod key_value {}

#[doc = include_str!("../docs/errors.md")]
pub mod errors {}

#[doc = include_str!("../docs/authentication.md")]
pub mod authentication {}

#[doc = include_str!("../docs/other_events.md")]
pub mod other_events {}

#[doc = include_str!("../docs/publishing.md")]
pub mod publishing {}

#[doc = include_str!("../docs/admin.md")]
pub mod admin {}

#[doc = include_str!("../docs/testing.md")]
pub mod testing {}

#[doc = include_str!("../docs/local_gateway.md")]
pub mod local_gateway {}

#[doc = include_str!("../docs/deployment.md")]
pub mod deployment {}

#[doc = include_str!("../docs/migration.md")]
pub mod migration {}

#[doc = include_str!("../docs/rollout.md")]
pub mod rollout {}

#[doc = include_str!("../docs/runtime.md")]
pub mod runtime {}

#[doc = include_str!("../docs/tracing.md")]
pub mod tracing {}

#[doc = include_str!("../docs/limits.md")]
pub mod limits {}

#[doc = include_str!("../docs/client_limits.md")]
pub mod client_limits {}

#[doc = include_str!("../docs/million.md")]
#[doc = "\n# Plots\n\nThe runs have 100 000 connections and a tenth of each quota. That of presence has 20 000.\n"]
#[doc = include_str!("../docs/million/storm.svg")]
#[doc = include_str!("../docs/million/broadcast.svg")]
#[doc = include_str!("../docs/million/broadcast_full.svg")]
#[doc = include_str!("../docs/million/table.svg")]
#[doc = include_str!("../docs/million/presence.svg")]
pub mod million {}

#[doc = include_str!("../docs/costs.md")]
pub mod costs {}

#[doc = include_str!("../docs/cookbook.md")]
pub mod cookbook {}

#[doc = include_str!("../docs/comparison.md")]
pub mod comparison {}

#[doc = include_str!("../docs/glossary.md")]
pub mod glossary {}

/// Tables that map the calls of other tools to this library.
pub mod coming_from {
    #[doc = include_str!("../docs/coming_from/aws_sdk.md")]
    pub mod aws_sdk {}

    #[doc = include_str!("../docs/coming_from/chalice.md")]
    pub mod chalice {}

    #[doc = include_str!("../docs/coming_from/nitric.md")]
    pub mod nitric {}
}
