//! `cargo dev`: runs the local gateway with the same arguments. The gateway builds and serves the chat.
//!
//! The first time this program builds both in one run of cargo. Two runs would take longer: the last crates of each one
//! occupy one processor only.

use dev::cargo;
use std::env;
use std::ffi::OsString;
use std::io::Error;
use std::os::unix::process::CommandExt;
use std::process::ExitCode;

fn main() -> ExitCode {
    let args: Vec<OsString> = env::args_os().skip(1).collect();
    if serves_chat(&args) && !is_built("chat") {
        // The gateway builds the chat again, and explains a failure.
        let _ = cargo()
            .args(["build", "--bin=lambda-ws-local", "--bin=chat"])
            .status();
    }
    let error: Error = cargo()
        .args(["run", "--bin=lambda-ws-local", "--"])
        .args(&args)
        .exec();
    eprintln!("error: cannot start cargo: {error}; fix: install Rust");
    ExitCode::FAILURE
}

/// Whether the gateway serves the chat with these arguments. A command comes first, and another program follows `--`.
fn serves_chat(args: &[OsString]) -> bool {
    let is_option = |arg: &OsString| arg.as_encoded_bytes().starts_with(b"-");
    args.first().is_none_or(is_option) && !args.iter().any(|arg| arg == "--")
}

/// Whether this program's folder contains another program of the workspace.
fn is_built(program: &str) -> bool {
    env::current_exe().is_ok_and(|this| this.with_file_name(program).exists())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chat_is_built_unless_a_command_or_another_program_follows() {
        for (args, expected) in [
            (&[][..], true),
            (&["--port", "0"], true),
            (&["connect", "ws://127.0.0.1:3001/dev"], false),
            (&["--port", "0", "--", "target/debug/hello"], false),
        ] {
            let args: Vec<OsString> = args.iter().map(OsString::from).collect();
            assert_eq!(serves_chat(&args), expected, "{args:?}");
        }
    }
}
