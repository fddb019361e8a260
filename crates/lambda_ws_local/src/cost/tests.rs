use super::*;

/// 100 clients for one hour on ten days: 60 000 minutes, 1 000 connections of an hour, 60 000 messages.
fn small() -> Workload {
    Workload {
        connections: 100.0,
        hours: 1.0,
        days: 10.0,
        session: 60.0,
        messages: 1.0,
        broadcasts: 1.0,
        room: 10.0,
        bytes: 200.0,
        memory: 256.0,
        duration: 10.0,
        reads: 1.0,
        log_bytes: 1000.0,
        ..Workload::default()
    }
}

fn close(left: f64, right: f64) {
    assert!((left - right).abs() <= right.abs() * 1e-9, "{left} {right}");
}

#[test]
fn the_traffic_of_a_small_chat_is_that_of_a_hand_calculation() {
    let traffic = Traffic::of(&small());
    close(traffic.minutes, 60_000.0);
    // 60 000 in, and each of them to 10 members.
    close(traffic.messages, 660_000.0);
    // $connect and $disconnect of 1 000 connections, and the messages.
    close(traffic.events, 62_000.0);
    // 62 000 events of 10 ms with a quarter of a GB.
    close(traffic.gb_seconds, 155.0);
    // Two for each $connect and two for each $disconnect.
    close(traffic.writes, 4_000.0);
    // A record and the members of a room for each message.
    close(traffic.reads, 120_000.0);
    close(traffic.logs * 1024.0 * 1024.0 * 1024.0, 62_000_000.0);
    close(traffic.out * 1024.0 * 1024.0 * 1024.0, 120_000_000.0);
}

#[test]
fn the_dollars_of_a_small_chat_are_those_of_a_hand_calculation() {
    let estimate = estimate(&small(), &Prices::default());
    let dollars = |unit: &str| {
        let line = estimate.lines.iter().find(|line| line.unit == unit);
        line.expect("a line").dollars
    };
    close(dollars("messages of up to 32 KB"), 0.66);
    close(dollars("connection minutes"), 0.015);
    close(dollars("events"), 0.0124);
    close(dollars("GB-seconds"), 155.0 * 0.000_013_333_4);
    close(dollars("write units"), 0.0025);
    close(dollars("read units"), 0.015);
    let gb = 1024.0 * 1024.0 * 1024.0;
    close(dollars("GB of logs"), 62e6 / gb * 0.5);
    close(dollars("GB to the Internet"), 120e6 / gb * 0.09);
    let sum: f64 = estimate.lines.iter().map(|line| line.dollars).sum();
    close(estimate.total(), sum);
}

#[test]
fn messages_above_a_billion_have_the_second_price() {
    let workload = Workload {
        connections: 10_000.0,
        hours: 10.0,
        days: 10.0,
        messages: 1.0,
        broadcasts: 1.0,
        room: 99.0,
        ..Workload::default()
    };
    // 60 million in, and 99 out for each.
    let messages = Traffic::of(&workload).messages;
    close(messages, 6e9);
    let line = &estimate(&workload, &Prices::default()).lines[0];
    close(line.dollars, 1000.0 + 5000.0 * 0.8);
}

#[test]
fn a_message_over_32_kb_counts_several_times() {
    let of = |bytes| Traffic::of(&Workload { bytes, ..small() }).messages;
    close(of(32_768.0), 660_000.0);
    close(of(32_769.0), 1_320_000.0);
    close(of(131_072.0), 2_640_000.0);
}

#[test]
fn a_broadcast_without_echo_saves_one_message() {
    let quiet = Workload {
        echo: false,
        ..small()
    };
    close(Traffic::of(&quiet).messages, 600_000.0);
}

#[test]
fn a_message_that_is_not_broadcast_has_one_answer_and_no_room() {
    let alone = Workload {
        broadcasts: 0.0,
        ..small()
    };
    close(Traffic::of(&alone).messages, 120_000.0);
    close(Traffic::of(&alone).reads, 60_000.0);
}

#[test]
fn a_backend_publishes_to_every_room() {
    let ticker = Workload {
        messages: 0.0,
        pushes: 60.0,
        ..small()
    };
    // 10 rooms, 600 minutes, 60 broadcasts.
    let traffic = Traffic::of(&ticker);
    close(traffic.events, 2_000.0 + 360_000.0);
    close(traffic.messages, 3_600_000.0);
    let batched = Workload {
        batch: 2.0,
        ..ticker
    };
    let half = Traffic::of(&batched);
    close(half.messages, 1_800_000.0);
    // The bytes are the same.
    close(half.out, traffic.out);
}

#[test]
fn history_adds_its_writes_pings_and_subscriptions() {
    let history = Workload {
        history: true,
        ..small()
    };
    let traffic = Traffic::of(&history);
    // $connect 1, $subscribe 4, $disconnect 2, and one for each message.
    close(traffic.writes, 7_000.0 + 60_000.0);
    // 15 000 pings of two units, 1 000 subscriptions of one, and what there is without history.
    close(traffic.reads, 120_000.0 + 30_000.0 + 1_000.0);
    // Each with its answer.
    close(traffic.messages, 660_000.0 + 2.0 * 16_000.0);
    close(traffic.events, 62_000.0 + 16_000.0);
}

#[test]
fn lambda_rounds_a_duration_up() {
    let of = |duration| {
        Traffic::of(&Workload {
            duration,
            ..small()
        })
        .gb_seconds
    };
    close(of(1.2), of(2.0));
}

#[test]
fn a_changed_price_changes_its_line_only() {
    let prices = Prices::changed([("api-minutes", 0.5)]).expect("a price");
    let [before, after] = [Prices::default(), prices].map(|prices| estimate(&small(), &prices));
    for (before, after) in before.lines.iter().zip(&after.lines) {
        let factor = match before.unit {
            "connection minutes" => 2.0,
            _ => 1.0,
        };
        close(after.dollars, before.dollars * factor);
    }
}

#[test]
fn every_price_is_used() {
    let workload = Workload {
        messages: 1000.0,
        connections: 1e6,
        ..small()
    };
    let both = [Architecture::Arm64, Architecture::X86].map(|architecture| Workload {
        architecture,
        ..workload
    });
    let total = |prices: &Prices| {
        let totals = both.map(|workload| estimate(&workload, prices).total());
        totals[0] + totals[1]
    };
    let before = total(&Prices::default());
    for price in PRICES {
        let prices = Prices::changed([(price.name, price.dollars * 2.0)]).expect("a price");
        assert!(total(&prices) > before, "{}", price.name);
    }
}

#[test]
fn the_most_effective_saving_is_first_and_has_its_amount() {
    let workload = Workload {
        room: 2.0,
        ..small()
    };
    let savings = savings(&workload, &Prices::default());
    assert!(savings[0].change.contains("except"), "{savings:?}");
    // 60 000 messages, and the bytes of each.
    let bytes = 60_000.0 * 200.0 / (1024.0 * 1024.0 * 1024.0) * 0.09;
    close(savings[0].dollars, 0.06 + bytes);
    assert!(savings.is_sorted_by(|a, b| a.dollars >= b.dollars));
}

#[test]
fn savings_fit_to_the_workload() {
    let of = |workload| {
        let savings = savings(&workload, &Prices::default());
        let changes: Vec<_> = savings.into_iter().map(|saving| saving.change).collect();
        changes.join("\n")
    };
    let large = Workload {
        connections: 10_000.0,
        bytes: 40_000.0,
        architecture: Architecture::X86,
        history: true,
        ..small()
    };
    let changes = of(large);
    for expected in [
        "within 32 KB",
        "arm64",
        "128 MB",
        "rooms to 5 members",
        "SystemLogLevel",
        "without history",
        "for 60 minutes",
    ] {
        let applies = expected != "for 60 minutes";
        assert_eq!(changes.contains(expected), applies, "{expected}: {changes}");
    }
    let ticker = Workload {
        messages: 0.0,
        pushes: 240.0,
        room: 1000.0,
        connections: 1000.0,
        ..small()
    };
    assert!(of(ticker).contains("batch 4 messages"), "{}", of(ticker));
    // Four messages of 20 KB do not fit into 32 KB.
    let bytes = 20_000.0;
    assert!(!of(Workload { bytes, ..ticker }).contains("batch"));
}
