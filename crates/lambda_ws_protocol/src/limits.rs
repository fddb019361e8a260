//! The quotas of an API Gateway WebSocket API that code must respect (conformance H).

use std::time::Duration;

/// The largest message, in either direction, in bytes: 128 KB (conformance F2, F3).
pub const MESSAGE_BYTES: usize = 128 * 1024;

/// The largest frame, in either direction, in bytes: 32 KB (conformance F2, F3).
pub const FRAME_BYTES: usize = 32 * 1024;

/// The largest response of a Lambda authorizer, in bytes: 8 KB (conformance B9).
pub const AUTHORIZER_BYTES: usize = 8 * 1024;

/// How long an integration may take before API Gateway gives up on it (conformance E5).
pub const INTEGRATION_TIMEOUT: Duration = Duration::from_secs(29);

/// How long a connection may be silent before it is closed (conformance F5).
pub const IDLE_TIMEOUT: Duration = Duration::from_secs(10 * 60);

/// How long a connection lives at most (conformance F6).
pub const CONNECTION_DURATION: Duration = Duration::from_secs(2 * 60 * 60);

/// The longest connect URL, in characters (conformance A2).
pub const URL_CHARS: usize = 4096;

/// The largest response of a Lambda function, in bytes.
pub const RESPONSE_BYTES: usize = 6 * 1024 * 1024;
