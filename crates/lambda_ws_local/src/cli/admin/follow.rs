//! Follows the messages of a room.

use super::function::{AdminFunction, CommandError};
use super::print::Output;
use crate::cli::signals::Signals;
use clap::Args;
use lambda_ws_local::emulator::Failure;
use lambda_ws_protocol::admin::{Command, Follow, Followed};
use std::process::ExitCode;
use std::time::Duration;
use tokio::time::sleep;

/// The longest pause before another attempt.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Print the new messages of a room with history, until Ctrl-C
///
/// Each look at the room is one invocation of the function and about one read unit of the table. After a failure the
/// command continues where it was.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  lambda-ws-local admin follow chat/lobby
  lambda-ws-local admin follow chat/lobby --json --interval 5 --function chat --region eu-west-1")]
pub(super) struct FollowArgs {
    /// The room
    #[arg(value_name = "ROOM")]
    room: String,
    /// The pause between two looks at the room, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 2.0, value_parser = seconds)]
    interval: f64,
}

fn seconds(text: &str) -> Result<f64, String> {
    let seconds: f64 = text.parse().map_err(|_| "expected a number of seconds")?;
    match (0.1..=3600.0).contains(&seconds) {
        true => Ok(seconds),
        false => Err("expected 0.1 to 3600 seconds".to_owned()),
    }
}

impl FollowArgs {
    pub(super) async fn run(
        self,
        function: &AdminFunction,
        output: Output,
    ) -> Result<ExitCode, Failure> {
        let mut signals = Signals::listen()?;
        tokio::select! {
            ended = self.follow(function, output) => ended,
            () = signals.next() => Ok(ExitCode::SUCCESS),
        }
    }

    async fn follow(&self, function: &AdminFunction, output: Output) -> Result<ExitCode, Failure> {
        let interval = Duration::from_secs_f64(self.interval);
        let (mut since, mut failures) = (None, 0_u32);
        loop {
            let command = Command::Follow(Follow {
                room: self.room.clone(),
                since: since.clone(),
            });
            let followed: Followed = match function.attempt(&command).await {
                Ok(followed) => followed,
                Err(CommandError::Failed(failure) | CommandError::NotInvoked(failure))
                    if since.is_some() =>
                {
                    let pause = interval * 2_u32.saturating_pow(failures.min(10));
                    let pause = pause.min(LONGEST_PAUSE);
                    failures += 1;
                    let seconds = pause.as_secs_f64();
                    let text = failure.text();
                    output.note(&format!(
                        "{text}; another attempt follows in {seconds:.1} s"
                    ));
                    sleep(pause).await;
                    continue;
                }
                Err(error) => return Err(error.into()),
            };
            failures = 0;
            if since.is_none() {
                let room = &self.room;
                output.progress(&format!("following {room:?}; Ctrl-C ends"));
            }
            if !followed.recovered {
                output.note(
                    "messages are missing here: the history of the room no longer contains them",
                );
            }
            output.messages(&self.room, &followed)?;
            since = Some(followed.position);
            if !followed.more {
                sleep(interval).await;
            }
        }
    }
}
