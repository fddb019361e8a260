//! Admin events.

use super::Dispatcher;
use crate::admin::{self, AdminCall};
use crate::app::backend::EventScope;
use crate::app::lambda_response::LambdaResponse;
use crate::error::BoxError;

impl Dispatcher {
    /// Returns whether an event is an admin event that this program accepts.
    pub(super) fn is_admin(&self, json: &str) -> bool {
        self.router.admin_hook().is_some() && admin::command(json).is_some()
    }

    /// Runs the command of an admin event.
    pub(super) async fn admin(
        &self,
        json: &str,
        scope: &EventScope,
    ) -> Result<LambdaResponse, BoxError> {
        let (Some(hook), Some(command)) = (self.router.admin_hook(), admin::command(json)) else {
            return Err(admin::AdminError::Off.into());
        };
        let call = AdminCall {
            command: command.to_owned(),
            sender: self.backend.sender_of_trigger(scope),
            deadline: scope.deadline,
            publish: Self::publish_through,
        };
        Ok(LambdaResponse::Json(hook(call).await?))
    }
}
