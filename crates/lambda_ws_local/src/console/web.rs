//! The application's own page.

use super::reply::{ConsoleError, protect};
use crate::gateway::{Gateway, Page, PageBody};
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use percent_encoding::percent_decode_str;
use serde_json::json;
use std::path::{Component, Path, PathBuf};
use tokio::task::spawn_blocking;

/// The file with the WebSocket's URL, which the gateway generates if the folder has none.
const CONFIG: &str = "config.json";

/// Scripts, styles, images and connections of the same origin only.
const POLICY: &str = "default-src 'self'; img-src 'self' data: blob:; connect-src 'self' ws: wss:; \
     base-uri 'none'; object-src 'none'; frame-ancestors 'none'";

/// The files of an application's page at `/`. Every request reads its file again.
///
/// The page finds its WebSocket in `config.json`, `{"websocket": "ws://127.0.0.1:3001/dev"}`. The gateway generates
/// this file if the folder has none. On AWS it is deployed with the other files.
#[derive(Debug, Clone)]
pub struct Web {
    folder: PathBuf,
    secure: bool,
}

impl Web {
    /// Returns the files of a folder. `secure` states whether the gateway uses TLS.
    pub fn new(folder: impl Into<PathBuf>, secure: bool) -> Web {
        Web {
            folder: folder.into(),
            secure,
        }
    }

    pub(super) fn answer(&self, gateway: &Gateway, request: Request<Incoming>) -> Option<Page> {
        let path = percent_decode_str(request.uri().path())
            .decode_utf8()
            .ok()?;
        let name = match path.trim_start_matches('/') {
            "" => "index.html",
            name => name,
        };
        let file = self.file(name);
        if file.is_none() && name != CONFIG {
            return None;
        }
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return Some(Box::pin(async { ConsoleError::method("GET").response() }));
        }
        let host = request.headers().get(HOST).and_then(|h| h.to_str().ok());
        let scheme = if self.secure { "wss" } else { "ws" };
        let url = format!(
            "{scheme}://{}/{}",
            host.unwrap_or_default(),
            gateway.stage()
        );
        Some(Box::pin(async move {
            match file {
                None => answer("application/json", json!({ "websocket": url }).to_string()),
                Some(file) => {
                    let kind = kind(&file);
                    let read = spawn_blocking(move || std::fs::read(file)).await;
                    match read.map_err(std::io::Error::from).flatten() {
                        Ok(bytes) => answer(kind, bytes),
                        Err(error) => {
                            let message = format!("cannot read the file: {error}");
                            ConsoleError(StatusCode::INTERNAL_SERVER_ERROR, message).response()
                        }
                    }
                }
            }
        }))
    }

    /// Returns the path of a file inside the folder.
    fn file(&self, name: &str) -> Option<PathBuf> {
        let name = Path::new(name);
        let inside = name
            .components()
            .all(|part| matches!(part, Component::Normal(part) if !is_hidden(part)));
        let folder = self.folder.canonicalize().ok()?;
        let file = inside.then(|| folder.join(name))?.canonicalize().ok()?;
        // A link may lead outside.
        (file.is_file() && file.starts_with(folder)).then_some(file)
    }
}

fn is_hidden(name: &std::ffi::OsStr) -> bool {
    name.as_encoded_bytes().starts_with(b".")
}

fn answer(kind: &'static str, body: impl Into<Bytes>) -> Response<PageBody> {
    let mut response = Response::new(Full::new(body.into()).boxed_unsync());
    let kind = HeaderValue::from_static(kind);
    response.headers_mut().insert(CONTENT_TYPE, kind);
    protect(&mut response, POLICY);
    response
}

fn kind(file: &Path) -> &'static str {
    let end = file.extension().and_then(|end| end.to_str());
    match end.unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "json" | "map" => "application/json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "webp" => "image/webp",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "wasm" => "application/wasm",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}
