//! The functions, WebSocket APIs and tables that a template declares.

pub(crate) mod api;
pub(crate) mod authorization;
pub(crate) mod function;
pub(crate) mod integration;
pub(crate) mod mock;
pub(crate) mod model;
pub(crate) mod route;
mod stage;
pub(crate) mod table;
pub(crate) mod unsupported;

pub use api::Api;
pub use authorization::{Authorization, Authorizer};
pub use function::Function;
pub use function::package::{Build, Package};
pub use integration::Integration;
pub use mock::Mock;
pub use model::Models;
pub use route::Route;
pub use stage::Throttling;
pub use table::Table;
