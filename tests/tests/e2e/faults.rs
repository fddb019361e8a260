//! The chat while much goes wrong on purpose, and when it no longer does.

use futures_util::stream::SplitSink;
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use tests::{Ended, Gateway, Program, Setup, chat, gateway, root, until};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

const FAULTS: &str =
    "gone=5%,false-gone=1%,throttle=5%,crash=1%,unprocessed=10%,conflict=5%,post-latency=5ms";
const CLIENTS: usize = 5;
const MESSAGES: usize = 40;

/// A client that lives with being cut off.
struct Guest {
    sink: SplitSink<WebSocketStream<MaybeTlsStream<TcpStream>>, Message>,
    heard: Arc<Mutex<Heard>>,
}

#[derive(Default)]
struct Heard {
    messages: Vec<Value>,
    closed: bool,
}

impl Guest {
    /// Comes in, at the second attempt if it has to.
    async fn come(gateway: &Gateway, user: &str) -> Self {
        let url = gateway.at(&format!("user={user}"));
        let opened = async || Some(connect_async(&url).await.ok()?.0);
        let (sink, mut stream) = until("an open door", opened).await.split();
        let heard = Arc::new(Mutex::new(Heard::default()));
        let noted = heard.clone();
        tokio::spawn(async move {
            while let Some(Ok(Message::Text(text))) = stream.next().await {
                let message = serde_json::from_str(&text).expect("all it hears is JSON");
                noted.lock().unwrap().messages.push(message);
            }
            noted.lock().unwrap().closed = true;
        });
        Self { sink, heard }
    }

    fn is_gone(&self) -> bool {
        self.heard.lock().unwrap().closed
    }

    fn has_heard(&self, text: &str) -> bool {
        let heard = self.heard.lock().unwrap();
        heard.messages.iter().any(|message| message["text"] == text)
    }

    /// How often it was told that something failed, by the chat or by the gateway.
    fn errors(&self) -> usize {
        let heard = self.heard.lock().unwrap();
        let errors = heard.messages.iter();
        errors
            .filter(|message| message["error"].is_object() || message["message"].is_string())
            .count()
    }
}

/// Lets one of them say something, and waits until everybody who is there has heard it, or the one who said it knows that it
/// failed. True if it did not fail.
async fn is_heard(guests: &mut [Guest], speaker: usize, text: &str) -> bool {
    let errors = guests[speaker].errors();
    let say = json!({"action": "say", "text": text}).to_string();
    // Who is cut off cannot say anything.
    let _ = guests[speaker].sink.send(Message::text(say)).await;
    let what = format!("an end of `{text}`");
    until(&what, async || {
        if guests[speaker].is_gone() || guests[speaker].errors() > errors {
            return Some(false);
        }
        let is_done = |guest: &Guest| guest.is_gone() || guest.has_heard(text);
        guests.iter().all(is_done).then_some(true)
    })
    .await
}

/// `lambda-ws-local faults` for this gateway.
async fn faults(gateway_url: &str, spec: &[&str]) -> Ended {
    let args = ["faults", "--url", gateway_url]
        .into_iter()
        .chain(spec.iter().copied());
    Program::start(&gateway(), &root(), args).ended().await
}

/// How often a fault has happened, by the list.
fn fired(list: &Ended, name: &str) -> u64 {
    let mut lines = list.stdout.iter();
    let line = lines.find(|line| line.starts_with(&format!("{name} ")));
    let line = line.unwrap_or_else(|| panic!("no {name}: {list:?}"));
    let count = line.split_whitespace().nth(2);
    count
        .expect("a count or a description")
        .parse()
        .unwrap_or(0)
}

#[tokio::test]
async fn under_faults_all_receive_a_message_or_its_sender_gets_an_error() {
    let setup = Setup::new().args(["--fault", FAULTS, "--fault-seed", "7"]);
    let gateway = setup.program([chat()]).start().await;
    let url = gateway.management.split("/dev/").next();
    let url = url.expect("a URL").to_owned();
    let mut guests = Vec::new();
    for user in 0..CLIENTS {
        guests.push(Guest::come(&gateway, &format!("u{user}")).await);
    }
    let mut heard = 0;
    for number in 0..MESSAGES {
        let user = number % CLIENTS;
        heard += usize::from(is_heard(&mut guests, user, &format!("message {number}")).await);
        for (user, guest) in guests.iter_mut().enumerate() {
            if guest.is_gone() {
                *guest = Guest::come(&gateway, &format!("u{user}")).await;
            }
        }
    }
    let minimum = MESSAGES / 2;
    assert!(heard > minimum, "{heard} of {MESSAGES} were heard by all");
    let list = faults(&url, &[]).await;
    for name in ["gone", "throttle", "post-latency"] {
        assert!(fired(&list, name) > 0, "{name}: {list:?}");
    }

    let calm = faults(&url, &["off"]).await;
    assert_eq!(calm.code, Some(0), "{calm:?}");
    // Two who come now are not cut off any more, and miss nothing.
    let mut late = [
        Guest::come(&gateway, "ann").await,
        Guest::come(&gateway, "bob").await,
    ];
    for number in 0..20 {
        let text = format!("calm {number}");
        assert!(is_heard(&mut late, number % 2, &text).await, "{text}");
    }
    for guest in &late {
        assert!(!guest.is_gone() && guest.errors() == 0);
    }
    let after = faults(&url, &[]).await;
    for name in ["gone", "throttle", "crash", "conflict"] {
        assert_eq!(fired(&after, name), fired(&calm, name), "{name}");
    }
    let program = gateway.end(rustix::process::Signal::TERM).await;
    assert_eq!(program.code, Some(0), "{program:?}");
    assert!(program.complains("--fault-seed 7"), "{program:?}");
    let mut lines = program.stderr.iter();
    let summary = lines.any(|line| line.starts_with("faults gone "));
    assert!(summary, "{program:?}");
}

#[tokio::test]
async fn a_mistake_in_a_fault_or_a_scale_names_the_valid_ones() {
    for (args, says) in [
        (["--fault", "gnoe=1%"], "false-gone"),
        (["--fault", "gone=lots"], "0.5%"),
        (["--time-scale", "0"], "0.001 to 1000000"),
    ] {
        let setup = Setup::new().args(args).program([chat()]);
        let ended = setup.spawn().ended().await;
        assert_eq!(ended.code, Some(2), "{ended:?}");
        assert!(ended.stderr.join(" ").contains(says), "{ended:?}");
    }
    let nowhere = faults("http://127.0.0.1:1", &["gone=1%"]).await;
    assert_eq!((nowhere.code, nowhere.errors().len()), (Some(1), 1));
    assert!(nowhere.errors()[0].contains("--url"), "{nowhere:?}");
    let stage = Setup::new().args(["--stage", "_admin"]).program([chat()]);
    let refused = stage.spawn().ended().await;
    assert!(refused.errors()[0].contains("--stage"), "{refused:?}");
}
