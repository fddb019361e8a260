//! The same room, with all that goes wrong.

use super::args::Args;
use super::crowd::{Crowd, Shouted};
use super::hall::{Hall, room_for};
use super::run::Checks;
use std::time::{Duration, Instant};
use tests::{MIB, until};

/// How many clients connect.
const CONNECTIONS: usize = 5_000;

/// How many other files the gateway needs: four tasks and an event send at once, over 256 connections each.
const OTHERS: usize = 1_500;

/// So few messages a second that an event cannot send to all in its time: tasks do.
const SECONDS: u32 = 20;
const SHARE: usize = 20;

/// How long after its handshake a connection may be opening for all that the library knows: it is not
/// removed before.
const YOUNG: Duration = Duration::from_secs(31);

pub(super) async fn measure(args: &Args, checks: &mut Checks) {
    let plan = &args.faults;
    println!("a room on the local gateway with {plan}.");
    let count = room_for(args.connections.unwrap_or(CONNECTIONS), OTHERS);
    let rate = (count / SHARE).max(1);
    let seed = args.seed.to_string();
    let options = ["--lambda-retry-delay", "11", "--fault-seed", &seed];
    let hall = Hall::start(rate, SECONDS, &options).await;
    let began = Instant::now();
    let mut crowd = Crowd::connect(&hall.endpoint(), count).await;
    println!(
        "{count} clients connected in {:.1} s; messages leave at {rate} a second at most, from events of {SECONDS} s, \
         and what goes wrong begins {} s after the last has come",
        began.elapsed().as_secs_f64(),
        YOUNG.as_secs(),
    );
    tokio::time::sleep(YOUNG).await;
    hall.set_faults(plan).await;

    println!(
        "{:<10}{:>9}{:>10}{:>10}{:>9}{:>9}{:>11}{:>8}{:>12}",
        "message",
        "s",
        "live then",
        "shouted",
        "errors",
        "cut off",
        "unanswered",
        "tasks",
        "gateway MB"
    );
    let mut tasks = 0;
    for message in 1..=args.messages {
        hall.forget_peaks();
        let shouted = crowd.shout(message).await;
        let now = hall.tasks().await;
        print(message, &shouted, &mut crowd, now - tasks, &hall);
        tasks = now;
        if shouted.missing > 0 {
            checks.hold(
                false,
                &format!("message {message} reaches all: {shouted:?}"),
            );
        }
    }
    let fired = hall.fired().await;
    hall.set_faults("off").await;
    println!("what went wrong: {fired}");

    // The gateway and its clients agree on the open connections after the last `$disconnect`.
    until("an agreement on who is connected", async || {
        let roll = hall.roll().await;
        (roll.live.len() == crowd.open()).then_some(())
    })
    .await;
    let roll = hall.roll().await;
    println!(
        "{} clients are connected, {} are not; of these, {} are in the table",
        roll.live.len(),
        count - roll.live.len(),
        roll.dead()
    );
    checks.hold(
        roll.lost() == 0,
        &format!(
            "all who are connected have a record and are in the room ({} have not)",
            roll.lost()
        ),
    );

    // Nothing goes wrong any more: who is dead and still in the table is found now. What was sent
    // before comes before.
    let last = args.messages + 1;
    let live = crowd.open();
    let shouted = crowd.shout(last).await;
    let now = hall.tasks().await;
    print(last, &shouted, &mut crowd, now - tasks, &hall);
    for message in 1..=last {
        let heard = crowd.heard(message);
        let what = format!(
            "message {message}: {} of the living have it once, {} more than once, {} not at all; of the copies \
             after the first, {} because it was shouted again, {} because a task was done again or a post repeated",
            heard.once, heard.more, heard.never, heard.shouted_again, heard.sent_again
        );
        checks.hold(heard.never == 0, &what);
    }
    checks.hold(
        crowd.open() == live,
        "nobody is cut off when nothing goes wrong",
    );
    let mut roll = hall.roll().await;
    let began = Instant::now();
    while roll.dead() > 0 && began.elapsed() < Duration::from_secs(10) {
        tokio::time::sleep(Duration::from_millis(200)).await;
        roll = hall.roll().await;
    }
    let what = format!(
        "the dead are removed from the table ({} are not)",
        roll.dead()
    );
    checks.hold(roll.dead() == 0, &what);
    let what = format!("the living are not ({} are)", roll.lost());
    checks.hold(roll.lost() == 0 && roll.live.len() == live, &what);
    drop(crowd);
    hall.gateway.stop().await;
}

fn print(message: usize, shouted: &Shouted, crowd: &mut Crowd, tasks: usize, hall: &Hall) {
    let attempts = 1 + shouted.errors + shouted.cut_off + shouted.unanswered;
    println!(
        "{message:<10}{:>9.1}{:>10}{attempts:>10}{:>9}{:>9}{:>11}{tasks:>8}{:>12.1}",
        shouted.took.as_secs_f64(),
        crowd.open(),
        shouted.errors,
        shouted.cut_off,
        shouted.unanswered,
        hall.meter().peak() as f64 / MIB,
    );
}
