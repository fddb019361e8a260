//! Errors of the database and its tables.

use std::path::PathBuf;

/// An error of the database or of a table's declaration.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DynamoDbError {
    /// The file cannot be opened or is not a database.
    #[error("cannot open the database {}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A database in memory or its thread cannot be created.
    #[error("cannot start the database")]
    Start(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The table exists with another key.
    #[error(
        "the table {table} has the key {found}, not {expected}: delete it, or use another data file"
    )]
    OtherKey {
        /// The table.
        table: String,
        /// The key that was requested.
        expected: String,
        /// The key it has.
        found: String,
    },
    /// The table's items already expire by another attribute.
    #[error(
        "items of the table {table} expire by {found}, not by {expected}: delete it, or use another data file"
    )]
    OtherTtl {
        /// The table.
        table: String,
        /// The attribute that was requested.
        expected: String,
        /// The attribute it has.
        found: String,
    },
    /// DynamoDB rejects the table.
    #[error("{operation} failed: {message}")]
    Refused {
        /// The operation.
        operation: &'static str,
        /// The error message.
        message: String,
    },
}
