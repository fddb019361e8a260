//! The scenarios that the TypeScript client runs as well, in virtual time: see `scenarios/README.md`.

use super::{Call, Effect, Machine, QueueDrops, Settings, State, Token};
use crate::error::Error;
use crate::protocol::check_length;
use crate::room::{Millis, RoomEffect};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::path::Path;

#[derive(Deserialize)]
struct Scenario {
    name: String,
    #[serde(default)]
    options: Value,
    urls: Option<Vec<Value>>,
    #[serde(default)]
    tokens: Vec<Value>,
    random: Option<f64>,
    #[serde(default)]
    observe: Vec<String>,
    steps: Vec<Value>,
    until: Option<Millis>,
}

/// What comes out of the machine.
enum Output {
    Effect(Effect),
    State(State),
}

/// A client and its platform in virtual time.
struct World {
    machine: Machine,
    now: Millis,
    /// The numbers of the sockets that were opened, by their order.
    sockets: Vec<u64>,
    open: Vec<u64>,
    /// The sockets that have closed by themselves.
    lost: Vec<u64>,
    urls: Option<VecDeque<Value>>,
    tokens: VecDeque<Value>,
    observes_state: bool,
    rooms: Vec<String>,
    /// The gap that the next message of a room states.
    gaps: HashMap<u64, Value>,
    calls: Vec<(Value, &'static str)>,
    seen: Vec<Value>,
}

impl World {
    fn new(scenario: &Scenario) -> Self {
        let random = scenario.random.unwrap_or(0.5);
        Self {
            machine: Machine::new(settings(&scenario.options), Box::new(move || random)),
            now: 0,
            sockets: Vec::new(),
            open: Vec::new(),
            lost: Vec::new(),
            urls: scenario.urls.clone().map(VecDeque::from),
            tokens: scenario.tokens.clone().into(),
            observes_state: scenario.observe.iter().any(|name| name == "state"),
            rooms: Vec::new(),
            gaps: HashMap::new(),
            calls: Vec::new(),
            seen: Vec::new(),
        }
    }

    fn advance(&mut self, time: Millis) {
        while self.machine.deadline <= time {
            self.now = self.machine.deadline.max(self.now);
            self.handle(Machine::tick);
        }
        self.now = time;
    }

    fn see(&mut self, mut event: Value) {
        event["at"] = self.now.into();
        self.seen.push(event);
    }

    fn handle(&mut self, input: impl FnOnce(&mut Machine)) {
        let mut outputs: VecDeque<_> = self.input(input).into();
        while let Some(output) = outputs.pop_front() {
            let next = match output {
                Output::Effect(effect) => self.effect(effect),
                Output::State(state) => {
                    self.state(state);
                    None
                }
            };
            outputs.extend(next.into_iter().flatten());
        }
    }

    /// Gives an input to the machine. The change of its state comes after its effects.
    fn input(&mut self, input: impl FnOnce(&mut Machine)) -> Vec<Output> {
        let before = self.machine.state;
        let effects = self.machine.handle(self.now, input).into_iter();
        let mut outputs: Vec<_> = effects.map(Output::Effect).collect();
        if self.machine.state != before {
            outputs.push(Output::State(self.machine.state));
        }
        outputs
    }

    fn state(&mut self, state: State) {
        if !self.observes_state {
            return;
        }
        let (name, states_error) = match state {
            State::Connecting => ("connecting", false),
            State::Open => ("open", false),
            State::Waiting => ("waiting", true),
            State::Closed => ("closed", true),
        };
        let attempts = self.machine.attempts;
        let mut event = json!({ "expect": "state", "state": name, "attempts": attempts });
        if let Some(error) = self.machine.last_error.as_ref().filter(|_| states_error) {
            event["code"] = error.code().into();
        }
        self.see(event);
    }

    /// Carries an effect out, and returns those of a callback's answer.
    fn effect(&mut self, effect: Effect) -> Option<Vec<Output>> {
        let event = match effect {
            Effect::Connect(number) => {
                let url = self.urls.as_mut().map(answer);
                if let Some(Err(error)) = url {
                    return Some(self.input(|machine| machine.lost(number, error)));
                }
                self.sockets.push(number);
                let mut event = json!({ "expect": "socket", "socket": self.sockets.len() });
                if let Some(Ok(url)) = url {
                    event["url"] = url.into();
                }
                event
            }
            Effect::Ask { ask, .. } => {
                let token = answer(&mut self.tokens).map_err(Into::into);
                return Some(self.input(|machine| machine.token(ask, token)));
            }
            Effect::Disconnect(number) => {
                // A socket whose address failed was never there.
                let socket = self
                    .socket(number)
                    .filter(|_| !self.lost.contains(&number))?;
                json!({ "expect": "close", "socket": socket })
            }
            Effect::Send(number, text) => {
                let frame: Value = serde_json::from_str(&text).expect("frames are JSON");
                json!({ "expect": "frame", "socket": self.socket(number)?, "frame": frame })
            }
            Effect::Subscribed {
                room,
                position,
                recovered,
            } => {
                let mut event = self.room(room, "subscribed");
                if let Some(position) = position {
                    event["position"] = json!(position);
                }
                event["recovered"] = recovered.into();
                event
            }
            Effect::Room(room, RoomEffect::Message(data, position)) => {
                let mut event = self.room(room, "message");
                event["data"] = data;
                if let Some(position) = position {
                    event["epoch"] = json!(*position.epoch);
                    event["seq"] = position.seq.into();
                }
                if let Some(gap) = self.gaps.remove(&room) {
                    event["gap"] = gap;
                }
                event
            }
            Effect::Room(room, RoomEffect::Gap { from, to }) => {
                let mut gap = json!({ "from": from });
                if let Some(to) = &to {
                    gap["to"] = json!(to);
                    if to.epoch == from.epoch && to.seq > from.seq {
                        gap["lost"] = (to.seq - from.seq).into();
                    }
                }
                let mut event = self.room(room, "gap");
                merge(&mut event, &gap);
                if let Some(before) = self.gaps.get(&room) {
                    gap["from"] = before["from"].clone();
                }
                self.gaps.insert(room, gap);
                event
            }
            Effect::Refused(room, error) => self.room_error(room, &error),
            Effect::Ended(room, error) => {
                if let Some(error) = error {
                    let event = self.room_error(room, &error);
                    self.see(event);
                }
                self.room(room, "closed")
            }
            Effect::Settled(call, result) => {
                let (name, done) = self.calls[call as usize].clone();
                match result {
                    Ok(data) if done == "reply" => {
                        json!({ "expect": done, "as": name, "data": data })
                    }
                    Ok(_) => json!({ "expect": done, "as": name }),
                    Err(error) => json!({ "expect": "failed", "as": name, "code": error.code() }),
                }
            }
            Effect::App(text) => {
                let data: Value = serde_json::from_str(&text).unwrap_or_else(|_| text.into());
                json!({ "expect": "app", "data": data })
            }
            Effect::Error(error) => json!({ "expect": "error", "code": error.code() }),
        };
        self.see(event);
        None
    }

    fn room(&self, key: u64, what: &str) -> Value {
        json!({ "expect": what, "room": self.rooms[key as usize] })
    }

    fn room_error(&self, key: u64, error: &Error) -> Value {
        let mut event = self.room(key, "error");
        event["code"] = error.code().into();
        event["retrying"] = error.is_retrying().into();
        event
    }

    fn socket(&self, number: u64) -> Option<usize> {
        let index = self.sockets.iter().position(|one| *one == number)?;
        Some(index + 1)
    }

    fn step(&mut self, step: &Value, tokens: &[Value]) {
        let text = |name: &str| step[name].as_str().unwrap_or_default().to_owned();
        let socket = step["socket"].as_u64().map_or(0, |socket| {
            let number = self.sockets.get(socket as usize - 1);
            *number.unwrap_or_else(|| panic!("no socket {socket} is open"))
        });
        match text("do").as_str() {
            "open" => {
                self.open.push(socket);
                self.handle(|machine| machine.opened(socket));
            }
            "frame" => {
                let frame = match step.get("text") {
                    Some(_) => text("text"),
                    None => step["frame"].to_string(),
                };
                self.handle(|machine| machine.frame(socket, frame));
            }
            "lost" => {
                self.lost.push(socket);
                // What the platform tells of a connection that did not open differs.
                let code = if self.open.contains(&socket) {
                    "lost"
                } else {
                    "not_opened"
                };
                let error = Error::new(code, "the connection closed");
                self.handle(|machine| machine.lost(socket, error));
            }
            "enter" => self.enter(step, tokens),
            "leave" => {
                let name = text("name");
                let key = self.rooms.iter().rposition(|room| *room == name);
                let key = key.expect("the room was entered") as u64;
                let event = self.room(key, "closed");
                self.see(event);
                self.handle(|machine| machine.unsubscribe(key));
            }
            "send" => self.call(step, "sent"),
            "request" => self.call(step, "reply"),
            "close" => self.handle(Machine::close),
            "online" => self.handle(|machine| machine.set_online(true)),
            "offline" => self.handle(|machine| machine.set_online(false)),
            "visible" => self.handle(Machine::wake),
            other => panic!("unknown step: {other}"),
        }
    }

    fn enter(&mut self, step: &Value, tokens: &[Value]) {
        let name = step["name"].as_str().expect("a name").to_owned();
        let since = step.get("since").cloned();
        let since = since.map(|since| serde_json::from_value(since).expect("a position"));
        let token = match &step["token"] {
            Value::Null => Token::None,
            Value::String(token) => Token::Fixed(token.clone()),
            _ => {
                self.tokens = tokens.to_vec().into();
                Token::Asked
            }
        };
        let key = self.rooms.len() as u64;
        self.rooms.push(name.clone());
        if self.machine.state == State::Closed {
            let _ = self.effect(Effect::Ended(key, Some(Error::closed())));
            return;
        }
        self.handle(|machine| machine.subscribe(key, &name, since, token));
    }

    fn call(&mut self, step: &Value, done: &'static str) {
        let key = self.calls.len() as u64;
        self.calls.push((step["as"].clone(), done));
        let mut call = Call::new(key, String::new());
        let mut message = step["message"].clone();
        if done == "reply" {
            let id = self.machine.next_id();
            message["$id"] = id.into();
            call.id = Some(id);
            let options = &step["options"];
            call.timeout = Some(options["timeout"].as_u64().unwrap_or(10_000));
            call.safe = options["safe"].as_bool().unwrap_or_default();
        }
        call.text = message.to_string();
        match check_length(&call.text) {
            Ok(()) => self.handle(|machine| machine.call(call)),
            Err(error) => drop(self.effect(Effect::Settled(key, Err(error)))),
        }
    }
}

fn settings(options: &Value) -> Settings {
    let number = |name: &str, default| options[name].as_u64().unwrap_or(default);
    Settings {
        min_backoff: number("minBackoff", 500),
        max_backoff: number("maxBackoff", 30_000),
        keep_alive: number("keepAlive", 240_000),
        connect_timeout: number("connectTimeout", 30_000),
        max_age: number("maxAge", 6_600_000),
        queue_size: number("queueSize", 100) as usize,
        queue_drops: match options["queueDrops"].as_str() {
            Some("oldest") => QueueDrops::Oldest,
            _ => QueueDrops::Newest,
        },
    }
}

/// Returns the next answer of a callback. The last one repeats.
fn answer(answers: &mut VecDeque<Value>) -> Result<String, Error> {
    let next = match answers.len() {
        0 | 1 => answers.front().cloned(),
        _ => answers.pop_front(),
    };
    match next {
        Some(Value::String(text)) => Ok(text),
        other => Err(Error::new("url", format!("the callback fails: {other:?}"))),
    }
}

fn merge(event: &mut Value, more: &Value) {
    for (name, value) in more.as_object().expect("an object") {
        event[name] = value.clone();
    }
}

/// Replaces `"#"` by a number.
fn fill(value: &Value, number: u64) -> Value {
    match value {
        Value::String(text) if text == "#" => number.into(),
        Value::Array(values) => values.iter().map(|one| fill(one, number)).collect(),
        Value::Object(members) => {
            let members = members.iter();
            let members = members.map(|(name, one)| (name.clone(), fill(one, number)));
            Value::Object(members.collect())
        }
        other => other.clone(),
    }
}

/// Gives each step its time, and repeats those with `each`.
fn unfold(steps: &[Value]) -> Vec<Value> {
    let mut at = json!(0);
    let mut unfolded = Vec::new();
    for step in steps {
        let mut step = step.clone();
        at = step.get("at").cloned().unwrap_or(at);
        step["at"] = at.clone();
        let each = step.as_object_mut().and_then(|step| step.remove("each"));
        let each: [u64; 2] = each.map_or([0, 0], |each| {
            serde_json::from_value(each).expect("two numbers")
        });
        unfolded.extend((each[0]..=each[1]).map(|number| fill(&step, number)));
    }
    unfolded
}

/// Events of one channel are in order. Those of different channels are not compared.
fn channels(events: Vec<Value>) -> BTreeMap<String, Vec<Value>> {
    let mut channels = BTreeMap::<_, Vec<_>>::new();
    for mut event in events {
        // The default of an error.
        if event["retrying"] == false {
            event.as_object_mut().expect("an object").remove("retrying");
        }
        let channel = match event["expect"] == "state" {
            true => "state".to_owned(),
            false => format!("{:?}", ["socket", "room", "as"].map(|name| event.get(name))),
        };
        channels.entry(channel).or_default().push(event);
    }
    channels
}

fn play(scenario: &Scenario) -> Result<(), String> {
    let steps = unfold(&scenario.steps);
    let mut world = World::new(scenario);
    world.handle(Machine::start);
    for step in steps.iter().filter(|step| step.get("do").is_some()) {
        world.advance(step["at"].as_u64().expect("a time"));
        world.step(step, &scenario.tokens);
    }
    let last = steps.last().and_then(|step| step["at"].as_u64());
    world.advance(scenario.until.or(last).unwrap_or_default());
    let expected = steps
        .into_iter()
        .filter(|step| step.get("expect").is_some());
    let (seen, expected) = (channels(world.seen), channels(expected.collect()));
    for name in seen.keys().chain(expected.keys()) {
        if seen.get(name) != expected.get(name) {
            let (seen, expected) = (json!(seen.get(name)), json!(expected.get(name)));
            return Err(format!(
                "{}: {name}\n  seen     {seen}\n  expected {expected}",
                scenario.name
            ));
        }
    }
    Ok(())
}

#[test]
fn the_scenarios_end_as_expected() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let mut failures = Vec::new();
    let mut count = 0;
    for entry in std::fs::read_dir(folder).expect("the scenarios") {
        let path = entry.expect("an entry").path();
        if path.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        let text = std::fs::read_to_string(&path).expect("a file");
        let scenarios: Vec<Scenario> = serde_json::from_str(&text).expect("scenarios");
        count += scenarios.len();
        let file = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let failed = scenarios.iter().filter_map(|scenario| play(scenario).err());
        failures.extend(failed.map(|failure| format!("{file}: {failure}")));
    }
    assert!(count > 80, "{count} scenarios");
    let failed = failures.len();
    assert!(
        failures.is_empty(),
        "{failed} of {count}:\n{}",
        failures.join("\n")
    );
}
