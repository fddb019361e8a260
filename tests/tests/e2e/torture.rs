//! Clients from hell, in small: `cargo run -p tests --bin torture` has more of them.

use std::time::Duration;
use tests::Torture;

#[tokio::test]
async fn clients_that_break_every_rule_cause_no_leaks() {
    let torture = Torture {
        connections: 800,
        bytes: 64 << 20,
        noise: 40,
        slow: 200,
        clients: 8,
        limit: Duration::from_secs(60),
    };
    let program = [env!("CARGO_BIN_EXE_torture"), "function"];
    let report = torture.run(program).await;
    assert_eq!(report.leaks(), [""; 0], "{report}");
}
