//! Rate limits: of the account, and of slow clients.

mod evidence;
mod rate_limiter;
mod slow;

#[cfg(test)]
pub(crate) use rate_limiter::ACCOUNT_THROTTLED;
pub(crate) use rate_limiter::{RateLimiter, SEND_RATE};
pub(crate) use slow::{SLOW_CLOSE, SlowClients};
