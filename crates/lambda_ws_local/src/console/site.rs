//! All that is served besides the stage.

use super::{Console, SEGMENT, Web};
use crate::admin::{self, Admin};
use crate::gateway::{Audience, Gateway, Page, Pages};
use http::Request;
use hyper::body::Incoming;

/// All that a gateway serves besides its stage: the admin API, the console, and the application's own page.
pub struct Site {
    /// At `/_admin`.
    pub admin: Admin,
    /// At `/_console/`.
    pub console: Option<Console>,
    /// At `/`: links on other sites may lead there.
    pub web: Option<Web>,
    /// The audience of the admin API.
    pub admin_audience: Audience,
    /// The audience of the console.
    pub console_audience: Audience,
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

    fn audience(&self, path: &str) -> Audience {
        match path.trim_start_matches('/').split('/').next() {
            Some(admin::SEGMENT) => self.admin_audience,
            Some(SEGMENT) => self.console_audience,
            _ => Audience::Everyone,
        }
    }
}
