//! All that is served besides the stage.

use super::{Console, SEGMENT, Web};
use crate::admin::{self, Admin};
use crate::gateway::{Gateway, Page, Pages};
use http::Request;
use hyper::body::Incoming;

/// All that a gateway serves besides its stage: the admin API, the console, and the application's own page.
pub struct Site {
    /// At `/_admin`.
    pub admin: Admin,
    /// At `/_console/`.
    pub console: Option<Console>,
    /// At `/`.
    pub web: Option<Web>,
}

impl Pages for Site {
    fn answer(&self, gateway: &Gateway, request: Request<Incoming>) -> Option<Page> {
        let segment = request.uri().path().trim_start_matches('/');
        match segment.split('/').next()? {
            admin::SEGMENT => self.admin.answer(gateway, request),
            SEGMENT => self.console.as_ref()?.answer(gateway, request),
            _ => self.web.as_ref()?.answer(gateway, request),
        }
    }
}
