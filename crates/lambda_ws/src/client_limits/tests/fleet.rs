//! A model of the processes of a function: each knows only its own clients and the bucket in the store.

use super::super::bucket::{Ask, Bucket, Rates, longest_block};
use super::super::client::{Client, Decision};
use super::super::rate::Rate;
use proptest::prelude::*;

/// A time in 2026, in ms.
const START: u64 = 1_767_607_440_000;

/// One client, as several processes and the store know it.
struct Fleet {
    rates: Rates,
    delay: u64,
    processes: Vec<Client>,
    bucket: Bucket,
    /// The reads and writes of the store.
    reads: u32,
    writes: u32,
    is_down: bool,
}

impl Fleet {
    fn new(processes: usize, rates: Rates) -> Self {
        Self {
            rates,
            delay: 0,
            processes: vec![Client::default(); processes],
            bucket: Bucket::default(),
            reads: 0,
            writes: 0,
            is_down: false,
        }
    }

    /// Sends a message through a process. Returns whether it is allowed.
    fn send(&mut self, process: usize, now: u64, costs: [f64; 2]) -> bool {
        let client = &mut self.processes[process];
        let asked = match client.decide(now, &self.rates, costs, longest_block(&self.rates)) {
            Decision::Allow => return true,
            Decision::Deny(denial) => {
                assert!(denial.wait > 0);
                return false;
            }
            Decision::Ask(asked) => asked,
        };
        if self.is_down {
            client.unanswered(now, &self.rates, asked);
            return true;
        }
        self.reads += 1;
        match self.bucket.grant(now, &self.rates, asked.ask, self.delay) {
            Ok(grant) => {
                self.writes += 1;
                client.granted(&self.rates, asked, grant);
                true
            }
            Err(denial) => {
                client.denied(now, &self.rates, asked, denial);
                false
            }
        }
    }

    fn message(&mut self, process: usize, now: u64) -> bool {
        self.send(process, now, [1.0, 0.0])
    }
}

fn messages(rate: Rate) -> Rates {
    [Some(rate), None]
}

/// The most messages that a client may send in a time, as the guide states it.
fn bound(rate: Rate, processes: usize, millis: u64) -> f64 {
    let of_each = rate.free + rate.grant + rate.forgiven(millis);
    rate.burst + rate.refill(millis) + processes as f64 * of_each
}

proptest! {
    #[test]
    fn no_window_has_more_messages_than_the_documented_bound(
        number in 1_u32..30,
        burst in 1_u32..60,
        processes in 1_usize..12,
        steps in proptest::collection::vec((0_usize..12, 0_u64..400), 1..120),
    ) {
        let rate = Rate::per_second(number).burst(burst);
        let mut fleet = Fleet::new(processes, messages(rate));
        let (mut now, mut allowed) = (START, Vec::new());
        for (process, pause) in steps {
            now += pause;
            // A burst through one process after the other.
            for turn in 0..3 {
                if fleet.message((process + turn) % processes, now) {
                    allowed.push(now);
                }
            }
        }
        for (first, from) in allowed.iter().enumerate() {
            for (last, to) in allowed.iter().enumerate().skip(first) {
                let (count, most) = ((last - first + 1) as f64, bound(rate, processes, to - from));
                prop_assert!(count <= most + 1e-6, "{count} messages in {} ms: at most {most}", to - from);
            }
        }
    }

    #[test]
    fn a_client_of_one_process_below_its_limit_is_never_limited(
        number in 1_u32..30,
        burst in 1_u32..60,
        steps in proptest::collection::vec(0_u64..400, 1..300),
    ) {
        let rate = Rate::per_second(number).burst(burst);
        let mut fleet = Fleet::new(1, messages(rate));
        let (mut now, mut level, mut at) = (START, 0.0_f64, START);
        for pause in steps {
            now += pause;
            // The bucket that the limit describes.
            let drained = (level - rate.refill(now - at)).max(0.0);
            if drained + 1.0 > rate.burst {
                continue;
            }
            (level, at) = (drained + 1.0, now);
            prop_assert!(fleet.message(0, now), "limited at a level of {level}");
        }
    }

    #[test]
    fn no_clock_makes_a_bucket_negative_or_blocks_a_client_for_ever(
        jumps in proptest::collection::vec((0_usize..4, -7_200_000_i64..7_200_000), 1..60),
    ) {
        let rate = Rate::per_second(10);
        let mut fleet = Fleet::new(4, messages(rate));
        let mut now = START as i64;
        for (process, jump) in jumps {
            now += jump;
            let now = now as u64;
            let allowed = (0..200).filter(|_| fleet.message(process, now)).count();
            prop_assert!(allowed as f64 <= bound(rate, 4, 0), "{allowed} at one time");
        }
        // A block that began before the jump ends by itself, or counts as over.
        let patience = 5_000 + longest_block(&fleet.rates);
        for process in 0..4 {
            let later = now as u64 + 60_000 * (process as u64 + 1);
            let mut times = later..later + patience;
            prop_assert!(times.any(|now| fleet.message(process, now)), "process {process} is blocked");
        }
    }
}

#[test]
fn an_attack_through_many_processes_gets_the_limit_and_one_burst_of_each() {
    let rate = Rate::per_second(10).burst(20);
    for processes in [1, 10, 50] {
        let mut fleet = Fleet::new(processes, messages(rate));
        let mut allowed = 0;
        // 1000 messages per second for a minute.
        for message in 0..60_000_u64 {
            let process = (message % processes as u64) as usize;
            allowed += usize::from(fleet.message(process, START + message));
        }
        let once = processes as f64 * (rate.free + rate.grant);
        let most = rate.burst + 600.0 + once;
        assert!(allowed as f64 <= most, "{processes}: {allowed} of {most}");
        assert!(allowed >= 600, "{processes}: only {allowed}");
        // A grant is at least one message, and a denied process waits for a whole grant.
        assert!(f64::from(fleet.writes) <= most, "{}", fleet.writes);
        let waits = 60.0 * 10.0 / rate.grant * processes as f64;
        assert!(f64::from(fleet.reads) <= waits + most, "{}", fleet.reads);
    }
}

#[test]
fn an_ordinary_client_never_costs_a_request() {
    let rate = Rate::per_second(10).burst(20);
    let mut fleet = Fleet::new(10, messages(rate));
    // Ten messages at once, then one per second through each process, for an hour.
    for process in 0..10 {
        assert!((0..9).all(|_| fleet.message(process, START)));
        for second in 1..3600 {
            assert!(fleet.message(process, START + second * 1000));
        }
    }
    assert_eq!((fleet.reads, fleet.writes), (0, 0));
}

#[test]
fn without_a_store_each_process_allows_the_limit_by_itself() {
    let rate = Rate::per_second(10).burst(20);
    let mut fleet = Fleet::new(3, messages(rate));
    fleet.is_down = true;
    for process in 0..3 {
        let sent = (0..60_000).filter(|ms| fleet.message(process, START + ms));
        let sent = sent.count() as f64;
        assert!(
            (600.0..=600.0 + rate.free + rate.grant).contains(&sent),
            "{sent}"
        );
    }
}

#[test]
fn bytes_and_messages_are_limited_at_the_same_time() {
    let rates = [
        Some(Rate::per_second(10)),
        Some(Rate::per_minute(60_000).burst(10_000)),
    ];
    let mut fleet = Fleet::new(2, rates);
    // 1 KB at a time: the bytes are used up first.
    let sent = (0..60_000).filter(|ms| fleet.send((ms % 2) as usize, START + ms, [1.0, 1000.0]));
    let sent = sent.count();
    assert!((60..=70 + 2 * 8).contains(&sent), "{sent}");
    // A message that is larger than the burst is allowed from an empty bucket, and charged completely.
    let later = START + 600_000;
    assert!(fleet.send(0, later, [1.0, 60_000.0]));
    assert!(!fleet.send(0, later + 40_000, [1.0, 60_000.0]));
    assert!(fleet.send(0, later + 61_000, [1.0, 60_000.0]));
}

#[test]
fn delayed_messages_are_bounded_and_have_increasing_waits() {
    let rates = messages(Rate::per_second(10));
    let (mut bucket, mut waits) = (Bucket::default(), Vec::new());
    let ask = Ask {
        needs: [1.0, 0.0],
        debts: [0.0; 2],
    };
    for _ in 0..1000 {
        waits.extend(
            bucket
                .grant(START, &rates, ask, 2000)
                .map(|grant| grant.wait),
        );
    }
    waits.retain(|wait| *wait > 0);
    let expected: Vec<_> = (1..=20).map(|number| number * 100).collect();
    assert_eq!(waits, expected);
}
