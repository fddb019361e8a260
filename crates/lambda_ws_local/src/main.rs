//! `lambda-ws-local`: a local API Gateway for WebSocket APIs.

mod cli;

fn main() -> std::process::ExitCode {
    cli::main()
}
