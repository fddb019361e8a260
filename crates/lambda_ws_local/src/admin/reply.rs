//! The responses of the admin API.

use crate::faults::PlanError;
use crate::gateway::{PageBody, TimeError};
use bytes::Bytes;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, Method, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use serde_json::{Value, json};

pub(super) struct Reply {
    status: StatusCode,
    body: Value,
    allow: Option<HeaderValue>,
}

pub(super) enum AdminError {
    /// 400, with the fault.
    Bad(String),
    NotFound,
    /// 502, with the error of a function.
    Failed(String),
    /// 405, with the supported methods.
    Method(Vec<Method>),
}

impl AdminError {
    pub(super) fn bad(message: impl Into<String>) -> AdminError {
        AdminError::Bad(message.into())
    }
}

impl From<PlanError> for AdminError {
    fn from(error: PlanError) -> AdminError {
        AdminError::bad(error.to_string())
    }
}

impl From<TimeError> for AdminError {
    fn from(error: TimeError) -> AdminError {
        AdminError::bad(error.to_string())
    }
}

impl Reply {
    pub(super) fn json(body: Value) -> Reply {
        Reply {
            status: StatusCode::OK,
            body,
            allow: None,
        }
    }

    pub(super) fn into_response(self) -> Response<PageBody> {
        let body = format!("{:#}\n", self.body);
        let body = Full::new(Bytes::from(body)).boxed_unsync();
        let mut response = Response::new(body);
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(allow) = self.allow {
            headers.insert(ALLOW, allow);
        }
        response
    }
}

impl From<AdminError> for Reply {
    fn from(refused: AdminError) -> Reply {
        let (status, message, allow) = match refused {
            AdminError::Bad(message) => (StatusCode::BAD_REQUEST, message, None),
            AdminError::Failed(message) => (StatusCode::BAD_GATEWAY, message, None),
            AdminError::NotFound => {
                let message = "unknown path: GET /_admin lists all paths";
                (StatusCode::NOT_FOUND, message.to_owned(), None)
            }
            AdminError::Method(methods) => {
                let methods: Vec<_> = methods.iter().map(Method::as_str).collect();
                let methods = methods.join(", ");
                let message = format!("this path supports {methods} only");
                let allow = HeaderValue::try_from(methods).ok();
                (StatusCode::METHOD_NOT_ALLOWED, message, allow)
            }
        };
        Reply {
            status,
            body: json!({ "message": message }),
            allow,
        }
    }
}
