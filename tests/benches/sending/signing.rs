//! The cost of a signature.

use super::args::Args;
use super::who;
use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4::SigningParams;
use lambda_ws_protocol::Timestamp;
use lambda_ws_protocol::sigv4::{Signable, SigningKey, day};
use std::hint::black_box;
use std::time::{Duration, Instant, SystemTime};
use tests::Meter;
use tests::bench::{Goal, Table};

const HOST: &str = "abcd1234.execute-api.us-east-1.amazonaws.com";
const PATH: &str = "/dev/@connections/PJqB0fHsqRcCHlw%3D";
/// About as long as those of roles are.
const TOKEN: [u8; 864] = [b'a'; 864];

const PLAIN: &str = "without a session's token: CPU, us";
const SESSION: &str = "with a session's token of 864 bytes: CPU, us";

pub(super) fn measure(args: &Args) -> Table {
    let title = "A signature of a post of 200 bytes";
    let mut table = Table::new(title, who::SIGNER, &[who::SIGV4]);
    let token = std::str::from_utf8(&TOKEN).expect("text");
    for _ in 0..args.rounds {
        for (name, token) in [(PLAIN, None), (SESSION, Some(token))] {
            let duration = args.duration / 4;
            table.add(name, who::SIGNER, each(duration, own(token)));
            table.add(name, who::SIGV4, each(duration, || theirs(token)));
        }
    }
    let goal = Goal::AtMost {
        must: 1.0,
        stretch: 0.8,
    };
    table.goal(PLAIN, goal);
    table
}

/// Returns the time of one signature, in us.
fn each<T>(duration: Duration, mut sign: impl FnMut() -> T) -> f64 {
    let meter = Meter::own_thread();
    let (started, before, mut count) = (Instant::now(), meter.time(), 0_u32);
    while started.elapsed() < duration {
        for _ in 0..100 {
            black_box(sign());
        }
        count += 100;
    }
    (meter.time() - before).as_secs_f64() * 1e6 / f64::from(count)
}

/// The key of the day and the hash of the payload are cached.
fn own(token: Option<&str>) -> impl FnMut() {
    let time = Timestamp::now();
    let key = SigningKey::derive(
        "test",
        "test",
        token,
        ("us-east-1", "execute-api"),
        day(time),
    );
    let key = key.expect("text of one line");
    let hash = "0".repeat(64);
    move || {
        let subject = Signable {
            method: "POST",
            path: PATH,
            query: "",
            host: HOST,
            body_hash: &hash,
            time,
        };
        black_box(key.sign(&subject));
    }
}

fn theirs(token: Option<&str>) {
    let token = token.map(str::to_owned);
    let identity = Credentials::new("test", "test", token, None, "benchmark").into();
    let params = SigningParams::builder()
        .identity(&identity)
        .region("us-east-1")
        .name("execute-api")
        .time(SystemTime::now())
        .settings(SigningSettings::default())
        .build()
        .expect("all parameters")
        .into();
    let headers = [("host", HOST)];
    let url = format!("https://{HOST}{PATH}");
    let body = SignableBody::Bytes(&[b'x'; 200]);
    let request = SignableRequest::new("POST", &url, headers.into_iter(), body);
    black_box(sign(request.expect("a request"), &params).expect("a signature"));
}
