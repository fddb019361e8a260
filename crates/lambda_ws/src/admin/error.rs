//! The errors of commands.

/// The error of an admin event. The name of this type is the `errorType` of the response.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AdminError {
    /// The program does not accept admin events.
    #[error("this program does not accept admin events; fix: add `Router::admin()` to its router")]
    Off,
    /// The command has another format, or a name that is not valid.
    #[error("the admin command is not valid: {0}; fix: send {FORM}")]
    Invalid(String),
    /// The cursor belongs to another command, or is garbage.
    #[error(
        "the cursor is not valid for this command; fix: send the `next` of an answer to the same command, or no cursor"
    )]
    Cursor,
    /// The messages of the room are not stored.
    #[error(
        "the room {room:?} has no history, so its messages are not stored and cannot be followed; fix: give it a \
         history with `Channels::history`"
    )]
    NoHistory { room: String },
    /// The store did not answer in time.
    #[error(
        "the table did not answer before the function's timeout; fix: repeat the command, or raise the timeout"
    )]
    TimedOut,
}

const FORM: &str = "{\"admin\": {COMMAND: {..}}}, where COMMAND is count, list, show, disconnect, broadcast, follow or \
    tasks";

impl AdminError {
    pub(super) fn invalid(problem: impl ToString) -> Self {
        Self::Invalid(problem.to_string())
    }
}
