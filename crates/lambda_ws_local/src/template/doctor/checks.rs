//! The checks.

mod batch_failures;
mod circular_dependency;
mod connections_table;
mod deployment;
mod endpoint;
mod function_permissions;
mod lambda_permission;
mod log_retention;
mod references;
mod route_response;
mod routes;
mod sam_properties;
mod selection_expression;
mod throttling;
mod timeout;

use super::finding::Found;
use super::input::DoctorInput;

/// A check's name and function.
pub(super) type Check = (&'static str, fn(&DoctorInput<'_, '_>) -> Vec<Found>);

pub(super) const REFERENCES: &str = "references";

pub(super) const CHECKS: &[Check] = &[
    ("template-kind", super::examined::kinds),
    (REFERENCES, references::look),
    ("circular-dependency", circular_dependency::look),
    ("sam", sam_properties::look),
    ("selection-expression", selection_expression::look),
    ("default-route", routes::default),
    ("lifecycle-routes", routes::lifecycle),
    ("route-response", route_response::look),
    ("deployment", deployment::look),
    ("throttling", throttling::look),
    ("lambda-permission", lambda_permission::look),
    ("timeout", timeout::look),
    ("connections-table", connections_table::variable),
    ("table-keys", connections_table::keys),
    ("table-ttl", connections_table::time_to_live),
    ("endpoint", endpoint::look),
    (
        "manage-connections",
        function_permissions::manage_connections,
    ),
    ("dynamodb-actions", function_permissions::dynamodb),
    ("invoke-itself", function_permissions::itself),
    ("batch-failures", batch_failures::look),
    ("log-retention", log_retention::look),
];
