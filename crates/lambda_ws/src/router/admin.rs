//! The switch for admin events.

use super::Router;
use crate::admin::{self, AdminHook};

impl<S> Router<S> {
    /// Accepts admin events: commands that count, list, show and close connections, send messages, and read the logs of
    /// rooms. Without it, such an event fails with an error that names this method. See [the guide](crate::guide::admin).
    ///
    /// ```
    /// use lambda_ws::Router;
    /// # use lambda_ws::testing::Gateway;
    /// use serde_json::json;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let router = Router::new().admin();
    /// # let gateway = Gateway::new(router);
    /// # let _ann = gateway.connect("/").await.expect("accepted");
    /// # let result = gateway.invoke(json!({"admin": {"count": {}}})).await;
    /// # assert_eq!(result, Ok(json!({"count": 1})));
    /// # }
    /// ```
    ///
    /// Every principal that may invoke the function may then send commands, also those that should only
    /// [publish](crate::run#publishing). Commands arrive by direct invocation only: principals that publish by SNS, SQS
    /// or EventBridge cannot send them. Each command is one line of the log at the level `INFO`.
    ///
    /// An event with a member `admin` no longer reaches the handler of [`Router::event`].
    pub fn admin(mut self) -> Self {
        self.admin = Some(admin::run);
        self
    }
}

impl Router {
    /// Returns the function that runs commands, if the program accepts them.
    pub(crate) fn admin_hook(&self) -> Option<AdminHook> {
        self.admin
    }
}
