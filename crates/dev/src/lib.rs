//! Cargo as a child of cargo.

use std::process::Command;

/// Returns cargo without the variables of the outer `cargo run` or `cargo test`. They name its package, and build scripts
/// that read them would run again.
pub fn cargo() -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy();
        let of_a_package = [
            "CARGO_PKG_",
            "CARGO_MANIFEST_",
            "CARGO_BIN_",
            "CARGO_CRATE_",
        ];
        if of_a_package.iter().any(|of| name.starts_with(of)) {
            cargo.env_remove(&*name);
        }
    }
    cargo
}
