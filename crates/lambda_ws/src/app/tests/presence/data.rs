//! Tests of the data of users.

mod tasks;

use super::*;
use crate::{PresenceData, UserPresence};
use serde_json::to_string;

async fn connect(me: Opening, Query(query): Query<Vec<(String, String)>>) -> Result<(), Error> {
    for (name, value) in query {
        match &*name {
            "user" => me.user(&value)?,
            "room" => me.join(&value)?,
            "data" => me.presence(&value)?,
            _ => {}
        }
    }
    Ok(())
}

/// Sets data: `["ann", "tea", "busy"]`.
async fn set(
    Json((user, room, data)): Json<(String, String, String)>,
    sender: Sender,
) -> Result<Json<bool>, Error> {
    Ok(Json(sender.presence(room).set(&user, &data).await?))
}

fn line(kind: &str, room: &str, users: Vec<UserPresence<String>>) -> String {
    let user = |user: UserPresence<String>| match user.data {
        Some(data) => format!("{}={data}", user.user),
        None => user.user,
    };
    let users: Vec<_> = users.into_iter().map(user).collect();
    format!("{room} {kind} {}", users.join(" "))
}

async fn joined(
    State(log): State<Log>,
    change: PresenceChange,
    PresenceData(users): PresenceData<String>,
) {
    log.lock()
        .unwrap()
        .push(line("joined", &change.room, users));
}

async fn changed(
    State(log): State<Log>,
    change: PresenceChange,
    PresenceData(users): PresenceData<String>,
) {
    assert!(change.users.iter().eq(users.iter().map(|user| &user.user)));
    assert!(users.is_sorted_by_key(|user| &user.user));
    log.lock()
        .unwrap()
        .push(line("changed", &change.room, users));
}

fn router(log: &Log) -> Router {
    let router = Router::new().connect(connect).fallback(set);
    let router = router.joined(joined).left(left).changed(changed);
    router.with_state(log.clone())
}

#[tokio::test]
async fn data_is_in_the_join_in_the_list_and_in_the_change() {
    let log = Log::default();
    let gateway = Gateway::new(router(&log));
    let mut ann = gateway
        .connect("/?user=ann&room=tea&data=new")
        .await
        .unwrap();
    let _bob = gateway.connect("/?user=bob&room=tea").await.unwrap();
    assert_eq!(take(&log), ["tea joined ann=new", "tea joined bob"]);
    ann.send(r#"["ann","tea","busy"]"#).await;
    assert_eq!(ann.recv().await, "true");
    ann.send(r#"["cat","tea","here?"]"#).await;
    assert_eq!(ann.recv().await, "false", "cat is not present");
    assert_eq!(take(&log), ["tea changed ann=busy"]);

    let sender = gateway.sender();
    let tea = sender.presence("tea");
    let users: Vec<UserPresence<String>> = tea.users_with_data().try_collect().await.unwrap();
    assert_eq!(line("has", "tea", users.clone()), "tea has ann=busy bob");
    assert_eq!(
        tea.get::<String>("ann").await.unwrap(),
        Some(users[0].clone())
    );
    assert_eq!(tea.get::<String>("cat").await.unwrap(), None);
    let names: Vec<String> = tea.users().try_collect().await.unwrap();
    assert_eq!(names, ["ann", "bob"]);
    assert_eq!(to_string(&users[1]).unwrap(), r#"{"user":"bob"}"#);
    assert!(users[0].updated.is_some());
}

#[tokio::test]
async fn the_devices_of_a_user_share_the_data_until_the_user_leaves() {
    let log = Log::default();
    let gateway = Gateway::new(router(&log));
    let phone = gateway
        .connect("/?user=ann&room=tea&data=phone")
        .await
        .unwrap();
    let tab = gateway.connect("/?user=ann&room=tea").await.unwrap();
    let same = gateway
        .connect("/?user=ann&room=tea&data=phone")
        .await
        .unwrap();
    assert_eq!(take(&log), ["tea joined ann=phone"]);
    let laptop = gateway
        .connect("/?user=ann&room=tea&room=milk&data=laptop")
        .await
        .unwrap();
    assert_eq!(
        take(&log),
        ["milk joined ann=laptop", "tea changed ann=laptop"]
    );
    for client in [phone, tab, same, laptop] {
        client.close().await;
    }
    assert_eq!(take(&log), ["ann left milk", "ann left tea"]);
    let again = gateway.connect("/?user=ann&room=tea").await.unwrap();
    assert_eq!(take(&log), ["tea joined ann"]);
    again.close().await;
    let _again = gateway
        .connect("/?user=ann&room=tea&data=back")
        .await
        .unwrap();
    assert_eq!(take(&log), ["ann left tea", "tea joined ann=back"]);
}

#[tokio::test]
async fn data_that_is_too_large_or_not_json_is_an_error_with_the_limit() {
    let gateway = Gateway::new(router(&Log::default()));
    let _ann = gateway
        .connect("/?user=ann&room=tea&data=old")
        .await
        .unwrap();
    let sender = gateway.sender();
    let tea = sender.presence("tea");
    assert!(tea.set("ann", &"x".repeat(1022)).await.unwrap());
    let large = tea.set("ann", &"x".repeat(1023)).await.unwrap_err();
    assert!(matches!(large, StoreError::PresenceTooLarge(1025)));
    assert!(large.to_string().contains("at most 1024 bytes"), "{large}");
    let keys = HashMap::from([(vec![1], 2)]);
    let bad = tea.set("ann", &keys).await.unwrap_err();
    assert!(matches!(bad, StoreError::BadPresence(_)));
    assert!(bad.to_string().contains("1024 bytes"), "{bad}");
    let other = tea.get::<u32>("ann").await.unwrap_err();
    assert!(matches!(other, StoreError::BadPresence(_)));
    let found = tea.get::<String>("ann").await.unwrap().unwrap();
    assert_eq!(
        found.data.unwrap().len(),
        1022,
        "the errors changed nothing"
    );
    // At connect, the handler fails and the client is rejected.
    let uri = format!("/?user=bob&room=tea&data={}", "x".repeat(1023));
    assert!(gateway.connect(&uri).await.is_err());
}

#[tokio::test]
async fn data_without_the_handler_is_an_error_that_names_it() {
    async fn sets(sender: Sender) -> String {
        let result = sender.presence("tea").set("ann", "busy").await;
        result.unwrap_err().to_string()
    }
    let router = Router::new().connect(connect).fallback(sets).presence();
    let gateway = Gateway::new(router);
    let mut ann = gateway
        .connect("/?user=ann&room=tea&data=old")
        .await
        .unwrap();
    ann.send("busy").await;
    assert!(ann.recv().await.contains("`changed` handler"));
    let found = gateway.sender().presence("tea").get::<String>("ann").await;
    assert_eq!(found.unwrap().unwrap().data, None);
}

#[tokio::test]
async fn an_update_changes_the_present_data() {
    let log = Log::default();
    let gateway = Gateway::new(router(&log));
    let _ann = gateway.connect("/?user=ann&room=tea").await.unwrap();
    let sender = gateway.sender();
    let tea = sender.presence("tea");
    let more = |data: Option<String>| data.unwrap_or_default() + "!";
    assert_eq!(tea.update("ann", more).await.unwrap().as_deref(), Some("!"));
    assert_eq!(
        tea.update("ann", more).await.unwrap().as_deref(),
        Some("!!")
    );
    assert_eq!(tea.update("cat", more).await.unwrap(), None);
}
