//! The quotas of an API Gateway WebSocket API that code must respect (conformance H).

use std::time::Duration;

/// The maximum size of a message in either direction, in bytes: 128 KB (conformance F2, F3).
pub const MESSAGE_BYTES: usize = 128 * 1024;

/// The maximum size of a frame in either direction, in bytes: 32 KB (conformance F2, F3).
pub const FRAME_BYTES: usize = 32 * 1024;

/// The maximum size of a Lambda authorizer's response, in bytes: 8 KB (conformance B9).
pub const AUTHORIZER_BYTES: usize = 8 * 1024;

/// The maximum timeout of an integration (conformance E5).
pub const INTEGRATION_TIMEOUT: Duration = Duration::from_secs(29);

/// The time after which an idle connection is closed (conformance F5).
pub const IDLE_TIMEOUT: Duration = Duration::from_secs(10 * 60);

/// The maximum duration of a connection (conformance F6).
pub const CONNECTION_DURATION: Duration = Duration::from_secs(2 * 60 * 60);

/// The maximum length of a connect URL, in characters (conformance A2).
pub const URL_CHARS: usize = 4096;

/// The maximum size of a Lambda function's response, in bytes.
pub const RESPONSE_BYTES: usize = 6 * 1024 * 1024;
