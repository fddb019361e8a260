//! Connections that another program accepted.

use crate::store::{Store, StoreError};
use crate::testing::{Client, Gateway};
use crate::{Connection, Error, Router, SendError, Session, User};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A function with a client that is not registered, and one that is.
async fn clients(router: Router) -> (Gateway, Client, Client) {
    let gateway = Gateway::new(router);
    let old = gateway.connect("/").await.unwrap();
    let removed = gateway.store().remove(old.id(), gateway.now()).await;
    removed.unwrap().expect("a record");
    let new = gateway.connect("/").await.unwrap();
    (gateway, old, new)
}

async fn obey(me: Connection, text: String) -> Result<(), Error> {
    match &*text {
        "join" => me.join("tea").await?,
        "save" => me.save(&1).await?,
        _ => me.send(text).await?,
    }
    Ok(())
}

#[tokio::test]
async fn an_unregistered_connection_gets_responses_but_no_broadcast() {
    let ended = Arc::new(Mutex::new(Vec::new()));
    let seen = ended.clone();
    let disconnect = move |session: Option<Session<u32>>, user: Option<User>| {
        seen.lock()
            .unwrap()
            .push((session.is_none(), user.is_none()));
        std::future::ready(())
    };
    let router = Router::new().fallback(obey).disconnect(disconnect);
    let (gateway, mut old, mut new) = clients(router).await;
    old.send("hello").await;
    assert_eq!(old.recv().await, "hello");
    gateway.sender().send(old.id(), "to you").await.unwrap();
    assert_eq!(old.recv().await, "to you");
    let delivery = gateway.sender().everyone().send("to all").await.unwrap();
    assert_eq!(delivery.sent, 1);
    assert_eq!(new.recv().await, "to all");
    for message in ["join", "save"] {
        old.send(message).await;
        assert!(old.recv().await.contains(r#""code":"internal""#));
    }
    old.close().await;
    assert_eq!(*ended.lock().unwrap(), [(true, true)]);
}

#[tokio::test]
async fn a_registered_connection_of_another_program_is_like_any_other() {
    let (gateway, mut old, _new) = clients(Router::new().fallback(obey)).await;
    let (id, sender) = (old.id().clone(), gateway.sender());
    gateway.advance(Duration::from_secs(300)).await;
    assert!(
        sender
            .register(&id, Some("ann"), ["tea", "all"])
            .await
            .unwrap()
    );
    let record = gateway.store().record(&id, gateway.now()).await.unwrap();
    let record = record.expect("a record");
    let rooms = BTreeSet::from(["tea".to_owned(), "all".to_owned()]);
    assert_eq!(
        (record.user.as_deref(), &record.rooms),
        (Some("ann"), &rooms)
    );
    assert_eq!(record.api, "a1b2c3d4e5/test");
    let life = record.expires - record.at;
    assert_eq!(life, Duration::from_secs(2 * 60 * 60 + 5 * 60));

    old.send("save").await;
    assert!(old.recv_all().is_empty(), "the session is stored");
    for audience in [sender.user("ann"), sender.room("tea"), sender.everyone()] {
        audience.send("hello").await.unwrap();
        assert_eq!(old.recv().await, "hello");
    }

    // A repeated import changes nothing.
    assert!(!sender.register(&id, None, []).await.unwrap());
    let again = gateway.store().record(&id, gateway.now()).await.unwrap();
    assert_eq!(again.map(|again| again.rooms), Some(rooms));

    old.close().await;
    let left = gateway.store().record(&id, gateway.now()).await.unwrap();
    assert_eq!(left, None);
}

#[tokio::test]
async fn a_connection_that_has_ended_or_names_that_are_not_valid_are_not_registered() {
    let (gateway, old, new) = clients(Router::new()).await;
    let (ended, sender) = (new.id().clone(), gateway.sender());
    new.close().await;
    let result = sender.register(&ended, None, []).await;
    assert!(matches!(result, Err(SendError::Gone)), "{result:?}");
    let result = sender.register(old.id(), Some(""), []).await;
    assert!(
        matches!(&result, Err(SendError::Store(StoreError::BadName(0)))),
        "{result:?}"
    );
    let rooms: Vec<_> = (0..101).map(|n| n.to_string()).collect();
    let rooms = rooms.iter().map(String::as_str);
    let result = sender.register(old.id(), None, rooms).await;
    assert!(
        matches!(&result, Err(SendError::Store(StoreError::TooManyRooms))),
        "{result:?}"
    );
    for id in [&ended, old.id()] {
        let record = gateway.store().record(id, gateway.now()).await.unwrap();
        assert_eq!(record, None);
    }
}
