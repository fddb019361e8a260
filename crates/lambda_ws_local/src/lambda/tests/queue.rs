use super::*;

/// What is left of a [`Lost`].
type Told = (Reason, u32, String);

fn queue() -> (Arc<Queue>, mpsc::UnboundedReceiver<Told>) {
    let (tell, told) = mpsc::unbounded_channel();
    let observer: Observer = Arc::new(move |lost| {
        let told = (lost.reason, lost.attempts, lost.request_id.to_owned());
        tell.send(told).expect("the test looks");
    });
    let queue = Queue::new(Duration::from_secs(60), Some(observer));
    (queue, told)
}

/// The seconds between the attempts of an event.
async fn pauses(sees: &mut mpsc::UnboundedReceiver<Seen>, attempts: usize) -> Vec<u64> {
    let mut last = sees.recv().await.expect("a first attempt").at;
    let mut pauses = Vec::new();
    for _ in 1..attempts {
        let at = sees.recv().await.expect("another attempt").at;
        pauses.push((at - last).as_secs());
        last = at;
    }
    pauses
}

#[tokio::test(start_paused = true)]
async fn an_event_that_fails_is_tried_again_after_one_minute_and_after_two_and_then_lost() {
    let (chat, mut sees) = chat([failure(), failure(), failure()]);
    let (queue, mut told) = queue();
    assert!(queue.accept(&chat, "{}".into(), "id".to_owned(), CallerTrace::default()));
    assert_eq!(pauses(&mut sees, 3).await, [60, 120]);
    let lost = (Reason::RetriesExhausted, 3, "id".to_owned());
    assert_eq!(told.recv().await, Some(lost));
}

#[tokio::test(start_paused = true)]
async fn all_attempts_have_the_same_request_id_and_event() {
    let (chat, mut sees) = chat([failure(), Ok("1".into())]);
    let (queue, mut told) = queue();
    assert!(queue.accept(
        &chat,
        r#"{"a":1}"#.into(),
        "id".to_owned(),
        CallerTrace::default()
    ));
    for _ in 0..2 {
        let seen = sees.recv().await.expect("an attempt");
        assert_eq!(&*seen.request_id, "id");
        assert_eq!(seen.event[..], br#"{"a":1}"#[..]);
    }
    drop(queue);
    assert_eq!(told.recv().await, None, "nothing is lost");
}

#[tokio::test(start_paused = true)]
async fn the_function_says_how_often_it_is_tried() {
    let (mut chat, mut sees) = chat([failure(), failure()]);
    chat.asynchronous.retries = 0;
    let (queue, mut told) = queue();
    assert!(queue.accept(&chat, "{}".into(), "id".to_owned(), CallerTrace::default()));
    assert_eq!(told.recv().await.map(|told| told.1), Some(1));
    assert_eq!(pauses(&mut sees, 1).await, [0; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_throttled_event_backs_off_for_up_to_five_minutes_and_costs_no_retry() {
    let throttled = (0..11).map(|_| Err(InvokeError::Throttled));
    let (chat, mut sees) = chat(throttled.chain([failure(), Ok("1".into())]));
    let (queue, mut told) = queue();
    assert!(queue.accept(&chat, "{}".into(), "id".to_owned(), CallerTrace::default()));
    let expected = [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 60];
    assert_eq!(pauses(&mut sees, 13).await, expected);
    drop(queue);
    assert_eq!(told.recv().await, None, "nothing is lost");
}

#[tokio::test(start_paused = true)]
async fn an_event_that_gets_too_old_is_lost() {
    let (mut chat, mut sees) = chat((0..100).map(|_| Err(InvokeError::Throttled)));
    chat.asynchronous.age = Duration::from_secs(60);
    let (queue, mut told) = queue();
    assert!(queue.accept(&chat, "{}".into(), "id".to_owned(), CallerTrace::default()));
    assert_eq!(pauses(&mut sees, 6).await, [1, 2, 4, 8, 16]);
    let lost = (Reason::EventAgeExceeded, 6, "id".to_owned());
    assert_eq!(told.recv().await, Some(lost));
}

#[tokio::test]
async fn a_queue_has_an_end_and_places_are_given_back() {
    let (chat, mut sees) = chat([Ok("1".into())]);
    let (queue, _told) = queue();
    let accept = || queue.accept(&chat, "{}".into(), "id".to_owned(), CallerTrace::default());
    let mut accepted = 0;
    while accept() {
        accepted += 1;
    }
    assert_eq!(accepted, 10_000);
    // The first is answered.
    sees.recv().await.expect("an attempt");
    while !accept() {
        tokio::task::yield_now().await;
    }
    assert!(!accept(), "there was one place");
}

#[tokio::test(start_paused = true)]
async fn a_queue_is_idle_when_the_last_attempt_has_ended() {
    let (chat, mut sees) = chat([failure(), Ok("1".into()), Ok("2".into())]);
    let (queue, _told) = queue();
    queue.idle().await;
    let begun = tokio::time::Instant::now();
    for _ in 0..2 {
        assert!(queue.accept(&chat, "{}".into(), "id".to_owned(), CallerTrace::default()));
    }
    queue.idle().await;
    assert_eq!(begun.elapsed().as_secs(), 60, "one is tried again");
    for _ in 0..3 {
        sees.recv().await.expect("an attempt");
    }
}

#[tokio::test]
async fn events_that_wait_at_the_end_are_counted_and_not_tried_again() {
    let (chat, mut sees) = chat([failure(), Ok("1".into())]);
    let (queue, mut told) = queue();
    for _ in 0..3 {
        assert!(queue.accept(&chat, "{}".into(), "id".to_owned(), CallerTrace::default()));
        sees.recv().await.expect("an attempt");
    }
    // One has succeeded, one pauses, one is worked on.
    let left = async {
        while queue.lock().events > 2 {
            tokio::task::yield_now().await;
        }
    };
    left.await;
    assert_eq!(queue.close(), 2);
    assert!(
        !queue.accept(&chat, "{}".into(), "id".to_owned(), CallerTrace::default()),
        "closed"
    );
    while queue.lock().events > 0 {
        tokio::task::yield_now().await;
    }
    assert!(told.try_recv().is_err() && sees.try_recv().is_err());
}
