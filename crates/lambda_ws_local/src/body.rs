//! A limited body of an HTTP request.

use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use std::time::Duration;
use tokio::time::timeout;

/// A request body, which is dropped if it exceeds the limit.
pub(crate) struct Body {
    pub(crate) bytes: Bytes,
    /// The total size in bytes.
    pub(crate) size: usize,
    pub(crate) trailers: Option<HeaderMap>,
}

impl Body {
    /// Reads to the end, even what is dropped, because a client that cannot finish its request does not read the
    /// response. Returns `None` if the body is incomplete, or does not arrive in time.
    pub(crate) async fn read(body: Incoming, limit: usize, patience: Duration) -> Option<Body> {
        timeout(patience, Self::read_all(body, limit)).await.ok()?
    }

    async fn read_all(mut body: Incoming, limit: usize) -> Option<Body> {
        let (mut first, mut more) = (Bytes::new(), BytesMut::new());
        let (mut size, mut trailers) = (0, None);
        while let Some(frame) = body.frame().await {
            match frame.ok()?.into_data() {
                Ok(data) => {
                    size += data.len();
                    if size > limit {
                        (first, more) = (Bytes::new(), BytesMut::new());
                    } else if first.is_empty() {
                        // Usually there is one chunk, which is not copied.
                        first = data;
                    } else {
                        if more.is_empty() {
                            more.extend_from_slice(&first);
                        }
                        more.extend_from_slice(&data);
                    }
                }
                Err(frame) => trailers = frame.into_trailers().ok(),
            }
        }
        Some(Body {
            bytes: if more.is_empty() {
                first
            } else {
                more.freeze()
            },
            size,
            trailers,
        })
    }
}
