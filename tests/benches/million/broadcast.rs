//! A message to everyone.

use super::app::Kind;
use super::gateway;
use super::plot::Plot;
use super::run::{Report, fill, finished, is_short};
use super::world::{Quotas, World};
use std::cmp::Ordering;
use std::time::Duration;
use tokio::time::{Instant, sleep, sleep_until};

/// The members of a room, who all get its messages.
const ROOM: usize = 2;

/// When the broadcast begins, so that there is a time before it.
const BEFORE: Duration = Duration::from_secs(40);

/// How long a broadcast needs to notice another one, and how long both run beside each other after that.
const ADJUSTS: Duration = Duration::from_secs(5);
const BOTH: Duration = Duration::from_secs(100);

/// The longest time of a broadcast.
const PATIENCE: Duration = Duration::from_secs(60 * 60);

/// The conditions of a broadcast.
struct Course {
    name: &'static str,
    /// Messages of clients to their rooms per second, of a million.
    messages: f64,
    /// One client of this many does not read.
    slow: Option<usize>,
    /// One connection of this many has ended without `$disconnect`.
    dead: Option<usize>,
    /// The quota and the rate of the 13 small Regions.
    is_small: bool,
    /// The timeout of tasks, in s.
    timeout: u64,
    /// Another broadcast begins after this time, in s.
    again: Option<u64>,
    /// Whether a short run leaves it out.
    only_full: bool,
}

const COURSES: [Course; 8] = [
    Course {
        name: "alone",
        messages: 0.0,
        slow: None,
        dead: None,
        is_small: false,
        timeout: 29,
        again: None,
        only_full: false,
    },
    Course {
        name: "beside 1 000 messages per second to rooms of 2",
        messages: 1_000.0,
        slow: None,
        dead: None,
        is_small: false,
        timeout: 29,
        again: None,
        only_full: true,
    },
    Course {
        name: "beside 2 000 messages per second to rooms of 2",
        messages: 2_000.0,
        slow: None,
        dead: None,
        is_small: false,
        timeout: 29,
        again: None,
        only_full: false,
    },
    Course {
        name: "one client in a thousand does not read",
        messages: 0.0,
        slow: Some(1_000),
        dead: None,
        is_small: false,
        timeout: 29,
        again: None,
        only_full: false,
    },
    Course {
        name: "a tenth of the connections has ended without `$disconnect`",
        messages: 0.0,
        slow: None,
        dead: Some(10),
        is_small: false,
        timeout: 29,
        again: None,
        only_full: false,
    },
    Course {
        name: "in a Region with a quota of 2 500 requests per second",
        messages: 0.0,
        slow: None,
        dead: None,
        is_small: true,
        timeout: 29,
        again: None,
        only_full: true,
    },
    Course {
        name: "there, with a function for tasks",
        messages: 0.0,
        slow: None,
        dead: None,
        is_small: true,
        timeout: 270,
        again: None,
        only_full: true,
    },
    Course {
        name: "beside another one, which begins 30 s later, with a function for tasks",
        messages: 0.0,
        slow: None,
        dead: None,
        is_small: false,
        timeout: 270,
        again: Some(30),
        only_full: false,
    },
];

/// Runs all broadcasts, or those whose descriptions contain `wanted`.
pub(super) async fn run(connections: usize, seed: u64, wanted: &str, report: &mut Report) {
    println!("broadcast: a message to {connections} connections");
    let is_left_out = |course: &Course| is_short(connections) && course.only_full;
    let courses = COURSES.iter().filter(|course| course.name.contains(wanted));
    for course in courses.filter(|course| !is_left_out(course)) {
        one(course, connections, seed, report).await;
    }
}

async fn one(course: &Course, connections: usize, seed: u64, report: &mut Report) {
    let mut quotas = Quotas::for_connections(connections);
    quotas.task_timeout = Duration::from_secs(course.timeout);
    if course.is_small {
        quotas.requests /= 4.0;
        quotas.burst /= 4.0;
        quotas.send_rate /= 4.0;
    }
    let world = World::new(quotas.clone(), seed, Kind::Rooms);
    fill(&world, connections, ROOM).await;
    world.gateway.sockets(|sockets| {
        for (number, socket) in sockets.iter_mut().enumerate() {
            let is = |nth: Option<usize>| nth.is_some_and(|nth| number % nth == nth / 2);
            socket.slow = is(course.slow);
            socket.open = !is(course.dead);
        }
    });
    let rate = course.messages * connections as f64 / super::world::MILLION;
    let chatter = tokio::spawn(chatter(world.clone(), connections, rate, seed));
    sleep(BEFORE).await;
    let reads = world.table.used(|used| used.reads);
    let began = Instant::now();
    let event = gateway::publish("x".repeat(200));
    let again = async {
        if let Some(pause) = course.again {
            sleep(Duration::from_secs(pause)).await;
            let _ = world.lambda.call(&event).await;
        }
    };
    let (started, ()) = tokio::join!(world.lambda.call(&event), again);
    let is_done = finished(&world, PATIENCE).await;
    // The last post of the broadcast.
    let (took, broadcast) = world.gateway.seen(|seen| {
        let last = seen.broadcast.counts.len() as u64;
        let took = Duration::from_secs(last).saturating_sub(BEFORE);
        (took, seen.broadcast.clone())
    });
    if !chatter.is_finished() && rate > 0.0 {
        sleep(BEFORE).await;
    }
    chatter.abort();
    let (once, twice, never) = world.gateway.sockets(|sockets| {
        let reachable = sockets.iter().filter(|socket| socket.open && !socket.slow);
        let messages = 1 + u8::from(course.again.is_some());
        let mut counts = (0, 0, 0);
        for socket in reachable {
            match socket.heard.cmp(&messages) {
                Ordering::Less => counts.2 += 1,
                Ordering::Equal => counts.0 += 1,
                Ordering::Greater => counts.1 += 1,
            }
        }
        counts
    });
    let (tasks, dead, killed, retries) = world
        .lambda
        .counts(|counts| (counts.tasks, counts.dead, counts.killed, counts.retries));
    let reads = world.table.used(|used| used.reads) - reads;
    println!(
        "  {}: {:.0} s, {:.0} posts/s; {tasks} tasks, {retries} retries, {dead} given up, {killed} killed; {reads:.0} read units; once {once}, twice {twice}, never {never}",
        course.name,
        took.as_secs_f64(),
        broadcast.total() / took.as_secs_f64().max(1.0),
    );
    let lease = world
        .table
        .used(|used| used.hottest.get("K task").copied().unwrap_or_default());
    let most = world.gateway.seen(|seen| seen.requests.max());
    let throttled = world.gateway.seen(|seen| seen.throttled.total());
    println!(
        "    at most {most:.0} requests/s; {throttled:.0} throttled; leases at most {lease:.0} write units/s; {:.0} s of Lambda",
        world.lambda.counts(|counts| counts.billed),
    );
    let published = started
        .as_ref()
        .is_ok_and(|response| response.contains("sent"));
    if !published || dead > 0 {
        println!("    {started:?}; {:?}", world.lambda.errors());
    }
    report.check(published, "the event that publishes succeeds");
    if course.is_small && course.timeout < 60 {
        println!(
            "    {:.1} % get the message",
            100.0 * (once + twice) as f64 / (once + twice + never) as f64
        );
        // 14 tasks in a row have 25 s each, at a quarter of the rate.
        report.check(
            dead > 0,
            "a broadcast that needs more than 14 tasks in a row fails with an error",
        );
        return;
    }
    report.check(is_done && dead == 0, "all tasks end, and none is given up");
    // Over the quota a few posts are throttled at all four attempts, and counted as such.
    let allowed = match course.messages > 1_500.0 {
        true => connections / 500,
        false => 0,
    };
    report.check(
        never <= allowed,
        "every client that reads gets the message, except for two in a thousand over the quota",
    );
    report.check(
        twice as f64 <= 0.001 * connections as f64,
        "at most one client in a thousand gets it twice",
    );
    let sent = broadcast.mean(BEFORE, BEFORE + took);
    report.check(
        sent <= 1.1 * quotas.send_rate,
        "the broadcast keeps to its share of the quota",
    );
    if let Some(pause) = course.again {
        let begin = BEFORE + Duration::from_secs(pause);
        let both = broadcast.mean(begin + ADJUSTS, begin + ADJUSTS + BOTH);
        let first = broadcast.mean(begin, begin + ADJUSTS);
        println!(
            "    both: {first:.0} posts/s in the first {} s, then {both:.0} posts/s",
            ADJUSTS.as_secs(),
        );
        report.check(
            both <= 1.05 * quotas.send_rate && first <= 2.0 * quotas.send_rate,
            "two broadcasts share the rate after 5 s",
        );
    }
    if rate > 0.0 {
        rooms(course, &world, (rate, took, began), report);
    }
}

/// Prints and checks what the rooms got beside a broadcast.
fn rooms(
    course: &Course,
    world: &World,
    (rate, took, began): (f64, Duration, Instant),
    report: &mut Report,
) {
    let begin = began - world.origin;
    let wanted = rate * ROOM as f64;
    let (before, during, latency, throttled, refused, plot) = world.gateway.seen(|seen| {
        let before = seen.room.mean(Duration::from_secs(5), BEFORE);
        let during = seen.room.mean(begin, begin + took);
        let latency = [0.5, 0.99].map(|share| seen.room_latency.quantile(share));
        let lines = vec![
            ("broadcast".to_owned(), seen.broadcast.counts.clone()),
            ("rooms".to_owned(), seen.room.counts.clone()),
            ("429".to_owned(), seen.throttled.counts.clone()),
        ];
        let throttled = (seen.room_throttled, seen.incoming_throttled);
        (before, during, latency, throttled.0, throttled.1, lines)
    });
    println!(
        "    rooms: {before:.0} of {wanted:.0} messages/s before it, {during:.0} during it; latency p50 {} ms, p99 {} ms; {throttled} posts throttled, {refused} messages of clients rejected",
        latency[0], latency[1],
    );
    report.check(
        during >= 0.9 * wanted.min(before),
        "the rooms keep nine tenths of their messages",
    );
    report.plots.push(Plot {
        name: if course.messages > 1_500.0 {
            "broadcast_full"
        } else {
            "broadcast"
        },
        title: format!("A broadcast {}", course.name),
        unit: "posts per second",
        lines: plot,
    });
}

/// Clients send messages to their rooms.
async fn chatter(world: World, connections: usize, rate: f64, seed: u64) {
    if rate <= 0.0 {
        return;
    }
    let mut random = fastrand::Rng::with_seed(seed);
    let mut next = Instant::now();
    loop {
        let pause = -(1.0 - random.f64()).ln() / rate;
        next += Duration::from_secs_f64(pause);
        sleep_until(next).await;
        let client = random.usize(..connections);
        let (world, now) = (world.clone(), world.gateway.now());
        tokio::spawn(async move {
            let body = format!("r{} {now}", client / ROOM);
            world.gateway.message(&world.lambda, client, &body).await;
        });
    }
}
