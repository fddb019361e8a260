//! A million members without sockets.

use super::args::Args;
use super::loudspeaker::{Loudspeaker, id};
use super::run::Checks;
use lambda_ws::store::{Memory, Record, Store};
use lambda_ws::{Sender, Timestamp};
use std::time::Instant;
use tests::{MIB, Meter};

const MEMBERS: usize = 1_000_000;
const API: &str = "api/test";

/// A higher rate than any machine reaches, because the rate is not measured.
const UNPACED: u32 = 100_000_000;

/// How much more memory a message to ten times as many may take, in MB: what an allocator does not give
/// back at once.
const SLACK: f64 = 2.0;

pub(super) async fn measure(args: &Args, checks: &mut Checks) {
    let most = args.members.unwrap_or(MEMBERS);
    println!(
        "members in a room of the memory store, and a management API without sockets.\n\
         A message of 200 bytes to all of them; the memory is this process's."
    );
    println!(
        "{:>10}{:>10}{:>13}{:>13}{:>13}{:>11}{:>12}",
        "members", "s", "messages/s", "CPU us each", "before, MB", "peak, MB", "growth, MB"
    );
    let sizes = [most / 100, most / 10, most];
    let mut growths = Vec::new();
    for members in sizes.into_iter().filter(|members| *members > 0) {
        growths.push(shout(members, checks).await);
    }
    if let [.., tenth, all] = growths[..] {
        let what = format!(
            "memory does not grow with the audience: {all:.1} MB for {most}, {tenth:.1} MB for a tenth of it"
        );
        checks.hold(all <= tenth + SLACK, &what);
    }
}

/// Returns the additional memory for this many recipients, in MB.
async fn shout(members: usize, checks: &mut Checks) -> f64 {
    let store = Memory::new();
    let now = Timestamp::now();
    for number in 0..members {
        let mut record = Record::new(id(number), now, API, now);
        record.rooms.insert("hall".to_owned());
        store.register(&record).await.expect("memory has room");
    }
    let loudspeaker = Loudspeaker::new(members);
    let sender = Sender::new(store, loudspeaker.clone(), API).paced(UNPACED);
    let text = "x".repeat(200);

    let own = Meter::Process(std::process::id());
    own.forget_peak();
    let (memory, cpu, began) = (own.memory() as f64 / MIB, own.time(), Instant::now());
    let delivery = sender.room("hall").send(text).await;
    let (took, cpu, peak) = (began.elapsed(), own.time() - cpu, own.peak() as f64 / MIB);
    let delivery = delivery.expect("nothing fails here");
    let growth = (peak - memory).max(0.0);
    println!(
        "{members:>10}{:>10.2}{:>13.0}{:>13.2}{memory:>13.1}{peak:>11.1}{growth:>12.1}",
        took.as_secs_f64(),
        members as f64 / took.as_secs_f64(),
        cpu.as_secs_f64() * 1e6 / members as f64,
    );
    let all =
        (delivery.sent, delivery.audience(), loudspeaker.once()) == (members, members, members);
    if !all {
        checks.hold(false, &format!("each gets it exactly once: {delivery:?}"));
    }
    growth
}
