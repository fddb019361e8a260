//! The store requests of presence.

use super::*;

#[tokio::test(start_paused = true)]
async fn a_connection_leaves_a_hundred_rooms_at_once() {
    let world = World::new();
    let dispatcher = world.process();
    let rooms: Vec<_> = (0..100).map(|number| format!("r{number:02}")).collect();
    let rooms: Vec<_> = rooms.iter().map(|room| &**room).collect();
    world.connects(&dispatcher, "a1", "ann", &rooms).await;
    world.connects(&dispatcher, "a2", "ann", &["r07"]).await;
    assert_eq!(world.announced().len(), 100);
    world.requests();
    world.disconnects(&dispatcher, "a1").await;
    world.work(29).await;
    let announced = world.announced();
    assert_eq!(announced.len(), 99);
    assert!(!announced.contains(&"ann left r07".to_owned()));
    let requests = world.requests();
    assert_eq!(requests["page"], 1, "the user is looked at once");
    assert_eq!(requests["records"], 1, "the user is looked at once");
    assert_eq!(requests["read_values"], 1);
    assert_eq!(requests["replace_value"], 99);
}

#[tokio::test(start_paused = true)]
async fn a_router_without_presence_makes_no_extra_request() {
    let world = World::new();
    let router = || Router::new().connect(connect).fallback(moves);
    let dispatcher = world.process_of(router());
    world.connects(&dispatcher, "a1", "ann", &["tea"]).await;
    world.says(&dispatcher, "a1", r#"["join","milk"]"#).await;
    world.says(&dispatcher, "a1", r#"["leave","tea"]"#).await;
    world.says(&dispatcher, "a1", r#"["enter","water"]"#).await;
    world.disconnects(&dispatcher, "a1").await;
    let expected = [
        ("switch_room", 1),
        ("join", 1),
        ("leave", 1),
        ("record", 1),
        ("register", 1),
        ("remove", 1),
    ];
    assert_eq!(world.requests(), BTreeMap::from(expected));
    // In a process whose router is not known yet.
    world.connects(&dispatcher, "a2", "ann", &["tea"]).await;
    world.gone.lock().unwrap().insert("a2".into());
    sleep(SECOND * 60).await;
    world.requests();
    let publish = r#"{"publish": {"room": "tea", "data": 1}}"#;
    let reply = call(&world.process_of(router()), publish).await.unwrap();
    assert_eq!(reply["gone"], 1);
    // It is proven gone, and removed, after the event.
    sleep(SECOND).await;
    let expected = [("mark_gone", 1), ("page", 1), ("record", 1)];
    assert_eq!(world.requests(), BTreeMap::from(expected));
    assert!(world.queued().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_publication_finds_users_who_have_left() {
    let world = World::new();
    world
        .connects(&world.process(), "a1", "ann", &["tea", "milk"])
        .await;
    world.gone.lock().unwrap().insert("a1".into());
    sleep(SECOND * 60).await;
    world.announced();
    let publish = r#"{"publish": {"room": "tea", "data": 1}}"#;
    call(&world.process(), publish).await.unwrap();
    assert_eq!(world.announced(), [""; 0]);
    assert_eq!(world.work(29).await, 1);
    assert_eq!(world.announced(), ["ann left milk", "ann left tea"]);
}

#[tokio::test(start_paused = true)]
async fn switching_from_no_room_causes_no_departure() {
    let world = World::new();
    let dispatcher = world.process();
    world.connects(&dispatcher, "a1", "ann", &[]).await;
    world.says(&dispatcher, "a1", r#"["enter","tea"]"#).await;
    assert_eq!(world.announced(), ["ann joined tea"]);
    assert!(world.queued().is_empty());
    let requests = world.requests();
    let values = requests.iter().filter(|(name, _)| name.contains("value"));
    let values: Vec<_> = values.collect();
    let expected = [
        (&"insert_value", &1),
        (&"read_value", &1),
        (&"replace_value", &1),
    ];
    assert_eq!(values, expected);
    assert_eq!(requests["record"], 1);
}
