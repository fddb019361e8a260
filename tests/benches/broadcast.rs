//! Messages to many, measured and checked: as many sockets as the machine allows, the same with all that
//! goes wrong, a million members without sockets, and what DynamoDB charges:
//! `cargo bench -p tests --bench broadcast -- --help`.

mod broadcast {
    mod args;
    mod client;
    mod costs;
    mod crowd;
    mod faults;
    mod hall;
    mod lossless;
    mod loudspeaker;
    mod mass;
    mod million;
    mod once;
    mod run;
    mod slow;

    pub(super) use run::main;
}

/// The embedded DynamoDB without sockets, and what it charges, as the tests of the store have them.
#[allow(dead_code, reason = "those tests need more")]
#[path = "../tests/store"]
mod store {
    mod connector;
    mod course;
    pub(crate) mod meter;
    pub(crate) mod table;
}

fn main() -> std::process::ExitCode {
    broadcast::main()
}
