//! The values of parameters, conditions, intrinsic functions and the names of resources.

pub(crate) mod conditions;
mod evaluator;
pub(crate) mod intrinsics;
pub(crate) mod json;
mod options;
mod parameters;
mod properties;
pub(crate) mod resource_names;

pub(crate) use evaluator::Evaluator;
pub use options::Options;
pub(crate) use properties::Properties;
