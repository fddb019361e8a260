//! The DynamoDB cost of a broadcast.

use super::args::Args;
use super::loudspeaker::{Loudspeaker, id};
use super::run::Checks;
use crate::store::meter::{Bill, Meter};
use crate::store::table::Table;
use lambda_ws::store::{Record, Store};
use lambda_ws::{Sender, Timestamp};
use lambda_ws_local::cost::Prices;

const SIZES: [usize; 3] = [1_000, 10_000, 100_000];
const API: &str = "api/test";

/// One of this many members is gone at the end.
const NTH: usize = 100;

/// More than any machine sends.
const UNPACED: u32 = 100_000_000;

/// The model: bytes of a member, of which 4 KB are a unit, because rooms are read consistently.
const MEMBER: [f64; 2] = [32.0, 40.0];
const UNIT: f64 = 4096.0;

pub(super) async fn measure(args: &Args, checks: &mut Checks) {
    let most = args.members.unwrap_or(SIZES[2]);
    let price = |name| Prices::default().of(name);
    println!("what the embedded DynamoDB charges for one message to all members.");
    println!(
        "Dollars are those of a million recipients: ${} for their messages, ${} for a million read units, ${} for a \
         million write units.",
        price("api-messages"),
        price("dynamodb-reads"),
        price("dynamodb-writes"),
    );
    println!(
        "{:<34}{:>10}{:>10}{:>10}{:>10}{:>10}{:>10}{:>14}",
        "", "members", "requests", "reads", "writes", "$ API", "$ table", "model: reads"
    );
    let meter = Meter::default();
    let store = Table::metered(&meter).store;
    // Old enough to be found gone.
    let at = Timestamp::from_millis(Timestamp::now().millis() - 60_000);
    let mut members = 0;
    for size in SIZES.into_iter().filter(|size| *size <= most) {
        for number in members..size {
            let mut record = Record::new(id(number), at, API, at);
            record.rooms.insert("hall".to_owned());
            let result = store.register(&record).await;
            result.expect("it is in this process");
        }
        members = size;
        meter.take();
        let sender = |loudspeaker: &Loudspeaker| {
            let sender = Sender::new(store.clone(), loudspeaker.clone(), API);
            sender.paced(UNPACED)
        };

        let loudspeaker = Loudspeaker::new(size);
        let delivery = sender(&loudspeaker).room("hall").send("hello").await;
        assert_eq!(delivery.expect("nothing fails here").sent, size);
        assert_eq!(loudspeaker.once(), size);
        let room = meter.take();
        line("room", size, &room);

        let loudspeaker = Loudspeaker::new(size);
        let delivery = sender(&loudspeaker).everyone().send("hello").await;
        assert_eq!(delivery.expect("nothing fails here").sent, size);
        assert_eq!(loudspeaker.once(), size);
        line("everyone", size, &meter.take());

        let [least, most] = model(size);
        let what = format!(
            "a room of {size} takes {} read units, by the model {least} to {most}",
            room.read_units
        );
        // A page rounds up.
        let pages = room.requests.len() as f64;
        let holds = (least..=most + pages).contains(&room.read_units) && room.write_units == 0.0;
        checks.hold(holds, &what);
    }
    let loudspeaker = Loudspeaker::without_every(NTH, members);
    let sender = Sender::new(store.clone(), loudspeaker, API).paced(UNPACED);
    let delivery = sender.room("hall").send("hello").await;
    let delivery = delivery.expect("nothing fails here");
    assert_eq!(delivery.gone, members.div_ceil(NTH));
    line("room, 1 % of it gone and removed", members, &meter.take());
    let again = sender.room("hall").send("hello").await;
    let again = again.expect("nothing fails here");
    assert_eq!(again.audience(), delivery.sent);
    line("room, the next message", again.sent, &meter.take());
}

/// Returns the read units of a room of this size.
fn model(members: usize) -> [f64; 2] {
    MEMBER.map(|bytes| (members as f64 * bytes / UNIT).ceil())
}

fn line(what: &str, members: usize, bill: &Bill) {
    let model = match what {
        "everyone" => String::new(),
        _ => {
            let [least, most] = model(members);
            format!("{least}-{most}")
        }
    };
    // The cost of a million recipients from the price of a million units.
    let price = |name| Prices::default().of(name);
    let units =
        bill.read_units * price("dynamodb-reads") + bill.write_units * price("dynamodb-writes");
    println!(
        "{what:<34}{members:>10}{:>10}{:>10}{:>10}{:>10.4}{:>10.4}{model:>14}",
        bill.requests.len(),
        bill.read_units,
        bill.write_units,
        price("api-messages"),
        units / members as f64,
    );
}
