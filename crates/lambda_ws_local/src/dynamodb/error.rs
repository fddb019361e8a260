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
    /// No memory database, or no thread for it.
    #[error("cannot start the database")]
    Start(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The table exists with other keys.
    #[error(
        "the table {table} exists with the key {found}, not {expected}; delete it, or use another data file"
    )]
    OtherKey {
        /// The table.
        table: String,
        /// The key that was requested.
        expected: String,
        /// The key it has.
        found: String,
    },
    /// Items of the table already expire by another attribute.
    #[error(
        "items of the table {table} expire by {found}, not by {expected}; delete it, or use another data file"
    )]
    OtherTtl {
        /// The table.
        table: String,
        /// The attribute that was requested.
        expected: String,
        /// The attribute it has.
        found: String,
    },
    /// DynamoDB refuses the table.
    #[error("{operation} failed: {message}")]
    Refused {
        /// The operation.
        operation: &'static str,
        /// Its answer.
        message: String,
    },
}
