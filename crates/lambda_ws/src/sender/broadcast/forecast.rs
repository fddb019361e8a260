//! The warning about a broadcast that its tasks cannot finish.

use super::super::Sender;
use super::reader::chunks;
use super::run::stop_before;
use crate::store::StoreError;
use crate::task::{MOST_HOPS, Remaining};
use futures_util::stream::TryStreamExt;
use tokio::time::Instant;
use tracing::{debug, warn};

/// The task of a chain that counts. Most broadcasts end before it.
const COUNTS: u32 = 2;

impl Sender {
    /// Counts the remaining recipients of a chain of tasks once, in its second task, and warns if the chain cannot
    /// reach all of them. The warning comes minutes before the end of the chain. More chains side by side do not help,
    /// because all of them share one rate.
    pub(super) async fn forecast(&self, work: &Remaining) {
        match self.reach_of_too_short_chain(work).await {
            Ok(Some(reach)) => warn!(
                reach,
                "a part of a broadcast has more recipients than its tasks can reach in their time. The others may not \
                 get the message; fix: use a second function with a longer timeout (TASK_FUNCTION), or raise SEND_RATE"
            ),
            Ok(None) => {}
            Err(error) => debug!(
                error = &error as &dyn std::error::Error,
                "the remaining recipients of a broadcast cannot be counted"
            ),
        }
    }

    /// Returns the number of recipients that this task and those after it can reach, if there are more.
    pub(in crate::sender) async fn reach_of_too_short_chain(
        &self,
        work: &Remaining,
    ) -> Result<Option<usize>, StoreError> {
        let parent = self.0.hand_off.as_ref();
        let hop = parent.and_then(|hand_off| Some(hand_off.parent.as_ref()?.hop));
        let (Some(COUNTS), Some(end)) = (hop, self.0.deadline) else {
            return Ok(None);
        };
        let now = Instant::now();
        let time = stop_before(now, end).saturating_duration_since(now);
        let tasks = f64::from(MOST_HOPS - COUNTS + 1);
        let reach = (time.as_secs_f64() * self.0.rate_limiter.full() * tasks) as usize;
        let mut count = work.ids.len();
        let mut chunks = chunks(self, &work.scope, work.ranges.clone());
        while count <= reach
            && let Some(chunk) = chunks.try_next().await?
        {
            count += chunk.ids.len();
        }
        Ok((count > reach).then_some(reach))
    }
}
