//! The checks, one file per check or group of related checks. A new check is a file and an entry of [`CHECKS`].

mod batch_failures;
mod circular_dependency;
mod connections_table;
mod deployment;
mod endpoint;
mod function_permissions;
mod lambda_permission;
mod log_retention;
mod references;
mod resource_types;
mod route_response;
mod routes;
mod sam_properties;
mod selection_expression;
mod task_function;
mod throttling;
mod timeout;

use super::finding::Finding;
use super::input::DoctorInput;

/// The name of a check and its function.
type Check = (&'static str, fn(&DoctorInput<'_>) -> Vec<Finding>);

pub(super) const REFERENCES: &str = "references";

/// All checks, in the order in which they run.
pub(super) const CHECKS: &[Check] = &[
    ("template-kind", resource_types::check),
    (REFERENCES, references::check),
    ("circular-dependency", circular_dependency::check),
    ("sam", sam_properties::check),
    ("selection-expression", selection_expression::check),
    ("default-route", routes::default),
    ("lifecycle-routes", routes::lifecycle),
    ("route-response", route_response::check),
    ("deployment", deployment::check),
    ("throttling", throttling::check),
    ("lambda-permission", lambda_permission::check),
    ("timeout", timeout::check),
    ("connections-table", connections_table::variable),
    ("table-keys", connections_table::keys),
    ("table-ttl", connections_table::time_to_live),
    ("endpoint", endpoint::check),
    ("manage-connections", function_permissions::connections),
    ("dynamodb-actions", function_permissions::dynamodb),
    ("invoke-itself", task_function::invoke_itself),
    ("task-function", task_function::check),
    ("batch-failures", batch_failures::check),
    ("log-retention", log_retention::check),
];
