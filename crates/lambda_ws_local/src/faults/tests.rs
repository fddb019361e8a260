use super::*;
use proptest::prelude::*;

fn plan(text: &str) -> Plan {
    text.parse().unwrap()
}

fn error(text: &str) -> String {
    text.parse::<Plan>().unwrap_err().to_string()
}

/// How the first hundred calls of a place end.
fn course(faults: &Faults, kinds: &[Kind]) -> Vec<Option<Kind>> {
    let calls = (0..100).map(|_| faults.first(Place::Gateway, kinds));
    calls.collect()
}

#[test]
fn a_plan_is_written_in_percent_or_as_a_fraction() {
    for (text, canonical) in [
        ("gone=0.5%", "gone=0.5%"),
        ("gone=0.005", "gone=0.5%"),
        ("gone=1", "gone=100%"),
        ("gone=0.0001%", "gone=0.0001%"),
        (" gone = 10 % ,throttle=2%", "gone=10%,throttle=2%"),
        ("throttle=2%,gone=0", "throttle=2%"),
        ("post-latency=20ms", "post-latency=20ms"),
        ("db-latency=1.5s", "db-latency=1500ms"),
        (
            "cold-start=0..300ms,post-latency=500us",
            "post-latency=500us,cold-start=0..300ms",
        ),
        ("gone=off", "off"),
        ("off", "off"),
        ("", "off"),
    ] {
        assert_eq!(plan(text).to_string(), canonical, "{text}");
    }
}

#[test]
fn a_mistake_says_what_is_known() {
    let unknown = error("gnoe=1%");
    assert!(unknown.contains("`gnoe`"), "{unknown}");
    assert!(unknown.contains("false-gone, throttle"), "{unknown}");
    assert!(error("gone").contains("NAME=RATE"));
    assert_eq!(
        error("gone=1%,gone=2%"),
        "the fault `gone` is set twice: remove one"
    );
    for text in [
        "gone=101%",
        "gone=-1%",
        "gone=2",
        "gone=",
        "gone=%",
        "gone=1e-3",
        "gone=0.00001%",
        "gone=.5",
        "gone=99999999999999999999%",
    ] {
        assert!(error(text).contains("a rate such as 0.5%"), "{text}");
    }
    for text in [
        "db-latency=20",
        "db-latency=2h",
        "db-latency=50ms..5ms",
        "db-latency=3601s",
        "db-latency=ms",
        "db-latency=-1s",
    ] {
        assert!(error(text).contains("a time such as 20ms"), "{text}");
    }
}

#[test]
fn a_change_names_what_it_changes_and_is_all_or_nothing() {
    let faults = Faults::new(plan("gone=1%,throttle=2%"), 0);
    let changed = faults.change("gone=off,error=3%").unwrap();
    assert_eq!(changed, plan("throttle=2%,error=3%"));
    assert!(faults.change("throttle=off,error=x").is_err());
    assert_eq!(faults.plan(), changed);
    assert_eq!(faults.change("off"), Ok(Plan::default()));
}

#[test]
fn a_seed_decides_what_happens_and_one_kind_does_not_move_another() {
    let kinds = [Kind::Gone, Kind::Throttle];
    let of = |text, seed| course(&Faults::new(plan(text), seed), &kinds);
    assert_eq!(of("throttle=30%", 7), of("throttle=30%", 7));
    assert_ne!(of("throttle=30%", 7), of("throttle=30%", 8));
    let both = of("throttle=30%,gone=30%", 7);
    for (alone, both) in of("throttle=30%", 7).into_iter().zip(both) {
        assert!(both == Some(Kind::Gone) || both == alone);
    }
}

#[test]
fn places_do_not_move_each_other() {
    let calm = Faults::new(plan("throttle=30%"), 7);
    let busy = Faults::new(plan("throttle=30%"), 7);
    for _ in 0..10 {
        busy.happens(Place::DynamoDb, Kind::Throttle);
    }
    let kinds = [Kind::Throttle];
    assert_eq!(course(&calm, &kinds), course(&busy, &kinds));
}

#[test]
fn what_happens_is_counted_and_about_as_frequent_as_planned() {
    let faults = Faults::new(plan("gone=100%,throttle=10%,db-latency=5ms..6ms"), 1);
    for _ in 0..1000 {
        faults.happens(Place::Gateway, Kind::Throttle);
    }
    let throttled = faults.fired(Kind::Throttle);
    assert!((50..150).contains(&throttled), "{throttled}");
    assert!(faults.happens(Place::Gateway, Kind::Gone));
    assert!(!faults.happens(Place::Gateway, Kind::Error));
    let latency = faults.latency(Place::DynamoDb, Kind::DbLatency).as_micros();
    assert!((5000..=6000).contains(&latency), "{latency}");
    assert_eq!(
        [Kind::Gone, Kind::Error, Kind::DbLatency, Kind::ColdStart].map(|kind| faults.fired(kind)),
        [1, 0, 1, 0]
    );
    faults.set(Plan::default());
    assert!(!faults.happens(Place::Gateway, Kind::Gone));
    let expected = Duration::ZERO;
    assert_eq!(faults.latency(Place::DynamoDb, Kind::DbLatency), expected);
}

proptest! {
    #[test]
    fn a_plan_reads_as_it_is_written(
        rates in proptest::collection::vec(0..=1_000_000u32, COUNT),
        times in proptest::collection::vec((0..5_000_000u64, 0..5_000_000u64), COUNT),
    ) {
        let mut written = Plan::default();
        let settings: Vec<_> = Kind::ALL.into_iter().map(|kind| {
            let (low, high) = times[kind.index()];
            let latency = Latency::between(Duration::from_micros(low), Duration::from_micros(high));
            let rate = Rate::per_million(rates[kind.index()]);
            (kind.name(), if kind.is_latency() { latency.to_string() } else { rate.to_string() })
        }).collect();
        let pairs = settings.iter().map(|(name, text)| (*name, text.as_str()));
        written.change_pairs(pairs).unwrap();
        for kind in Kind::ALL.into_iter().filter(|kind| !kind.is_latency()) {
            prop_assert_eq!(written.rate(kind).in_a_million(), rates[kind.index()]);
        }
        prop_assert_eq!(written.to_string().parse(), Ok(written));
    }

    #[test]
    fn no_text_panics(text in "([a-z-]{0,8}=?[0-9.%ms,]{0,8}){0,4}|\\PC{0,20}") {
        if let Ok(plan) = text.parse::<Plan>() {
            prop_assert_eq!(plan.to_string().parse(), Ok(plan));
        }
    }
}
