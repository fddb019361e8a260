//! The transports to the clients of APIs.

use crate::context::Context;
use crate::sender::EndpointState;
use crate::transport::DynTransport;
use std::sync::Arc;

/// A transport with the state of its endpoint.
pub(crate) type Route = (Arc<dyn DynTransport>, Arc<EndpointState>);

/// The transports to the clients of the events' APIs.
pub(crate) enum Transports {
    /// One transport for all, because the endpoint is configured.
    One(Route),
    /// One transport per API, created from its events (conformance K7).
    #[cfg(feature = "apigateway")]
    EachApi(Box<each_api::EachApi>),
}

impl Transports {
    pub(crate) fn one(transport: Arc<dyn DynTransport>) -> Self {
        let endpoint = match api_of(transport.url()) {
            Some(_) => EndpointState::proven(),
            None => EndpointState::default(),
        };
        Self::One((transport, Arc::new(endpoint)))
    }

    /// Returns the transport for an event, and its API and stage.
    pub(super) fn of(&self, context: &Context) -> (Route, String) {
        match self {
            Self::One((transport, endpoint)) => {
                let api = api_of(transport.url()).unwrap_or_else(|| {
                    let api = context.api();
                    endpoint.learn_api(&api);
                    api
                });
                ((transport.clone(), endpoint.clone()), api)
            }
            #[cfg(feature = "apigateway")]
            Self::EachApi(each) => (each.of(context), context.api()),
        }
    }

    /// Returns the transport that needs no event, and its API and stage, if known from the URL.
    pub(super) fn known(&self) -> Option<(Route, Option<String>)> {
        match self {
            Self::One(route) => Some((route.clone(), api_of(route.0.url()))),
            #[cfg(feature = "apigateway")]
            Self::EachApi(_) => None,
        }
    }

    /// Returns the transport to `api` (`<apiId>/<stage>`), and the API and stage of its URL, if known.
    pub(super) fn at(&self, api: Option<&str>) -> Option<(Route, Option<String>)> {
        match (self, api) {
            (Self::One(_), _) => self.known(),
            #[cfg(feature = "apigateway")]
            (Self::EachApi(each), Some(api)) => {
                let (id, stage) = api.split_once('/').filter(|(id, stage)| {
                    let is_name = |b: u8| b.is_ascii_alphanumeric() || b"_-$".contains(&b);
                    // Both become parts of the URL.
                    id.bytes().chain(stage.bytes()).all(is_name) && !id.is_empty()
                })?;
                Some((each.at(id, stage), None))
            }
            #[cfg(feature = "apigateway")]
            (Self::EachApi(_), None) => None,
        }
    }

    /// Returns a transport that needs an event, as without a configured endpoint.
    #[cfg(all(test, feature = "apigateway"))]
    pub(crate) fn nowhere() -> Self {
        let config = aws_config::SdkConfig::builder().build();
        Self::each_api(config, crate::transport::sdk)
    }

    #[cfg(test)]
    pub(super) fn url(&self) -> Option<&str> {
        match self {
            Self::One((transport, _)) => Some(transport.url()),
            #[cfg(feature = "apigateway")]
            Self::EachApi(_) => None,
        }
    }
}

/// Returns the `<apiId>/<stage>` of API Gateway's own URL. The URL of a custom domain does not contain it.
fn api_of(url: &str) -> Option<String> {
    let rest = url.strip_prefix("https://")?;
    let (host, stage) = rest.split_once('/')?;
    let (api, service) = host.split_once('.')?;
    let stage = stage.trim_end_matches('/');
    service
        .starts_with("execute-api.")
        .then(|| format!("{api}/{stage}"))
}

#[cfg(feature = "apigateway")]
mod each_api {
    use super::{Route, Transports};
    use crate::context::Context;
    use crate::sender::EndpointState;
    use crate::sync::lock;
    use crate::transport::Connect;
    use aws_config::SdkConfig;
    use std::collections::HashMap;
    use std::sync::{Arc, Mutex};

    pub(crate) struct EachApi {
        config: SdkConfig,
        connect: Connect,
        made: Mutex<HashMap<String, Route>>,
    }

    impl Transports {
        pub(crate) fn each_api(config: SdkConfig, connect: Connect) -> Self {
            Self::EachApi(Box::new(EachApi {
                config,
                connect,
                made: Mutex::default(),
            }))
        }
    }

    impl EachApi {
        pub(super) fn of(&self, context: &Context) -> Route {
            self.at(context.api_id(), context.stage())
        }

        pub(super) fn at(&self, api_id: &str, stage: &str) -> Route {
            let region = self
                .config
                .region()
                .map_or("us-east-1", |region| region.as_ref());
            let url = url(api_id, region, stage);
            let mut made = lock(&self.made);
            let route = made.entry(url).or_insert_with_key(|url| {
                let transport = (self.connect)(&self.config, url);
                (transport, Arc::new(EndpointState::proven()))
            });
            route.clone()
        }
    }

    /// Returns the management API's own URL, never that of a custom domain (conformance A5, K7).
    fn url(api: &str, region: &str, stage: &str) -> String {
        let suffix = match region {
            cn if cn.starts_with("cn-") => "amazonaws.com.cn",
            _ => "amazonaws.com",
        };
        format!("https://{api}.execute-api.{region}.{suffix}/{stage}")
    }

    #[cfg(test)]
    mod tests {
        use super::super::api_of;
        use super::*;

        #[test]
        fn k7_the_url_is_made_of_the_api_never_of_its_domain() {
            assert_eq!(
                url("abcd1234", "eu-west-1", "dev"),
                "https://abcd1234.execute-api.eu-west-1.amazonaws.com/dev"
            );
            assert!(url("a", "cn-north-1", "dev").contains("cn-north-1.amazonaws.com.cn/"));
        }

        #[test]
        fn only_api_gateway_urls_contain_the_api() {
            let own = url("abcd1234", "eu-west-1", "dev");
            assert_eq!(api_of(&own).as_deref(), Some("abcd1234/dev"));
            assert_eq!(api_of("https://ws.example.com/chat"), None);
            assert_eq!(api_of("http://127.0.0.1:3001/dev"), None);
        }
    }
}
