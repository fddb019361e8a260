//! A room of as many connections as the machine allows, and the recipients of its messages.

use super::args::Args;
use super::crowd::Crowd;
use super::hall::{Hall, room_for};
use super::run::Checks;
use std::time::Instant;
use tests::MIB;

/// How many clients connect.
const CONNECTIONS: usize = 20_000;

/// A higher rate than the machine reaches, because the rate is not measured.
const RATE: usize = 100_000;

/// As long as a function behind a websocket may take.
const SECONDS: u32 = 29;

/// How many other files the gateway needs: a process that sends has 256 connections to it, and there are
/// up to ten, each with its pipes and its connections to DynamoDB.
const OTHERS: usize = 500;

/// How many messages are shouted; the last proves that none before it came twice.
const MESSAGES: usize = 4;

pub(super) async fn measure(args: &Args, checks: &mut Checks) {
    println!("a room on the local gateway, what is said in it, and who hears it.");
    let count = room_for(args.connections.unwrap_or(CONNECTIONS), OTHERS);
    let hall = Hall::start(RATE, SECONDS, &[]).await;
    let before = hall.meter().memory() as f64 / MIB;
    let began = Instant::now();
    let mut crowd = Crowd::connect(&hall.endpoint(), count).await;
    let took = began.elapsed().as_secs_f64();
    let used = hall.used();
    let idle = hall.meter().memory() as f64 / MIB;
    println!(
        "{count} clients connected in {took:.1} s, {:.0} a second; the gateway used {:.1} s of CPU, the function's \
         {} processes {:.1} s; the gateway has {idle:.1} MB (without clients {before:.1}), DynamoDB's part included",
        count as f64 / took,
        used.gateway.as_secs_f64(),
        hall.function().len(),
        used.function.as_secs_f64(),
    );
    let roll = hall.roll().await;
    let all = (roll.live.len(), roll.lost(), roll.dead()) == (count, 0, 0);
    checks.hold(all, "each has a record and is in the room");

    println!(
        "{:<10}{:>10}{:>14}{:>16}{:>16}{:>14}{:>14}{:>8}",
        "message",
        "s",
        "messages/s",
        "gateway CPU s",
        "function CPU s",
        "gateway MB",
        "function MB",
        "tasks"
    );
    for message in 1..=MESSAGES {
        hall.forget_peaks();
        let before = hall.used();
        let shouted = crowd.shout(message).await;
        let used = hall.used();
        let took = shouted.took.as_secs_f64();
        println!(
            "{message:<10}{took:>10.2}{:>14.0}{:>16.2}{:>16.2}{:>14.1}{:>14.1}{:>8}",
            count as f64 / took,
            (used.gateway - before.gateway).as_secs_f64(),
            used.function.saturating_sub(before.function).as_secs_f64(),
            hall.meter().peak() as f64 / MIB,
            hall.function_peak(),
            shouted.delivery["tasks"],
        );
        let sent = shouted.delivery["sent"] == count;
        if !sent || shouted.missing > 0 {
            checks.hold(
                false,
                &format!("all get it at the first attempt: {shouted:?}"),
            );
        }
    }
    // Earlier messages arrive before the last one.
    for message in 1..MESSAGES {
        let heard = crowd.heard(message);
        let what = format!(
            "message {message}: {} have it exactly once, {} more than once, {} not at all",
            heard.once, heard.more, heard.never
        );
        checks.hold(heard.once == count, &what);
    }
    checks.hold(crowd.open() == count, "nobody was cut off");
    drop(crowd);
    hall.gateway.stop().await;
}
