//! What every store must do with values.

use super::Check;
use crate::store::{Store, Values};
use futures_util::future::join_all;
use std::time::Duration;

impl<S: Store> Check<'_, S> {
    pub(super) async fn a_value_is_taken_by_one_caller_only(&self) {
        let (namespace, later) = (self.name("values"), self.now + Duration::from_secs(30));
        let insert = |key, value, expires| {
            Values::insert(self.store, &namespace, key, value, expires, self.now)
        };
        let take = |namespace, key| Values::take(self.store, namespace, key, self.now);

        assert!(insert("k", "ü", Some(later)).await.expect("insert"));
        let again = insert("k", "other", Some(later)).await.expect("insert");
        assert!(!again, "a value is not replaced");
        let elsewhere = self.name("elsewhere");
        let found = take(&elsewhere, "k").await.expect("take");
        assert_eq!(found, None, "namespaces are separate");
        let takes = join_all((0..4).map(|_| take(&namespace, "k"))).await;
        let taken: Vec<_> = takes.into_iter().filter_map(Result::ok).flatten().collect();
        assert_eq!(taken, ["ü"], "a value is taken by one caller only");
        assert_eq!(take(&namespace, "k").await.expect("take"), None);
        assert!(
            insert("k", "new", None).await.expect("insert"),
            "the key is free"
        );
        let found = take(&namespace, "k").await.expect("take");
        assert_eq!(found.as_deref(), Some("new"), "it need not expire");

        let inserts = join_all((0..4).map(|_| insert("one", "1", Some(later)))).await;
        let won = inserts.into_iter().filter(|won| matches!(won, Ok(true)));
        assert_eq!(won.count(), 1, "a value is inserted by one caller only");
    }

    pub(super) async fn an_expired_value_is_not_there(&self) {
        let namespace = self.name("expired");
        let (early, expires) = (self.now, self.now + Duration::from_secs(1));
        for key in ["taken", "replaced"] {
            let kept = Values::insert(self.store, &namespace, key, "old", Some(expires), early);
            assert!(kept.await.expect("insert"));
        }
        let taken = Values::take(self.store, &namespace, "taken", expires).await;
        assert_eq!(taken.expect("take"), None, "what has expired is not there");
        let kept = Values::insert(self.store, &namespace, "replaced", "new", None, expires);
        assert!(kept.await.expect("insert"), "the key is free");
        let taken = Values::take(self.store, &namespace, "replaced", expires).await;
        assert_eq!(taken.expect("take").as_deref(), Some("new"));
    }
}
