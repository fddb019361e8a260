//! The gateway of an emulator: the API of its template, its options, and the pages beside the stage.

use super::failure::Failure;
use super::functions::{ConsoleFunctions, FixedResponse, Functions};
use super::options::Server;
use super::report::Notice;
use super::tls::accept_any_certificate;
use super::{Emulator, Parts, web};
use crate::activity::Operation;
use crate::admin::Admin;
use crate::console::{Console, Site, Web};
use crate::gateway::{self, ApiKey, ApiKeys, Authorizer, Gateway, Integration, Route, Time};
use crate::template::{self, Authorization, Template};
use lambda_ws_protocol::sigv4::Credentials;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio_tungstenite::Connector;

impl Emulator {
    pub(super) fn api(&self, functions: &Functions) -> Result<gateway::Api, Failure> {
        let api = self.project.api()?;
        let mut served = gateway::Api::new(&api.id, &api.stage);
        served.stage_variables = api.stage_variables.clone();
        served.expression = api.route_selection_expression.parse()?;
        served.api_keys = ApiKeys {
            source: api.api_key_source,
            accepted: self.api_keys(self.project.template()),
        };
        let needed = api.routes.iter().any(|route| route.api_key_required);
        if needed && served.api_keys.accepted.is_empty() {
            self.reporter
                .note("clients need an API key, but none is defined: add one with --api-key");
        }
        for route in &api.routes {
            let integration = match &route.integration {
                template::Integration::Function(name) => self.integration(functions, name)?,
                other => Arc::new(FixedResponse::new(other)),
            };
            match &route.authorization {
                Authorization::None => {}
                Authorization::Iam => served.authorization = gateway::Authorization::Iam,
                Authorization::Lambda(template) => {
                    let function = self.integration(functions, &template.function)?;
                    let mut authorizer = Authorizer::new(function);
                    authorizer.identity_sources = template.identity_sources.clone();
                    served.authorization = gateway::Authorization::Lambda(authorizer);
                }
            }
            let mut served_route = Route::new(integration);
            served_route.two_way = route.two_way;
            served_route.timeout = route.timeout;
            served_route.api_key_required = route.api_key_required;
            if let Some(models) = &route.models {
                served_route.models = Some(Arc::new(models.compile()?));
            }
            served.routes.insert(route.key.clone(), served_route);
        }
        Ok(served)
    }

    /// Returns the pages beside the stage, and whether the application has its own page.
    pub(super) async fn site(
        &self,
        parts: &Parts,
        address: SocketAddr,
    ) -> Result<(Site, bool), Failure> {
        let (options, secure) = (&self.options, self.tls.is_some());
        let console = parts.activity.clone().map(|activity| {
            let functions = Arc::new(ConsoleFunctions(parts.functions.clone()));
            let console = Console::new(activity, parts.dynamodb.clone(), functions, address);
            match secure {
                true => console.with_tls(Connector::Rustls(accept_any_certificate())),
                false => console,
            }
        });
        let folder = match &options.web {
            Some(folder) => Some(web::given(folder)?),
            None => web::of_project(&self.project).await,
        };
        let has_web = folder.is_some();
        let mut admin = Admin::new(parts.faults.clone()).with_functions(parts.invocable.clone());
        if let Some(activity) = &parts.activity {
            admin = admin.with_activity(activity.clone());
        }
        let site = Site {
            admin,
            console,
            web: folder.map(|folder| Web::new(folder, secure)),
            admin_audience: options.project.audience(Server::Admin),
            console_audience: options.project.audience(Server::Console),
        };
        Ok((site, has_web))
    }

    pub(super) fn gateway_options(&self, parts: &Parts) -> Result<gateway::Options, Failure> {
        let (own, project) = (&self.options, &self.options.project);
        let (id, secret) = (&project.access_key_id, &project.secret_access_key);
        let (hint, reporter) = (parts.hint.clone(), self.reporter.clone());
        let observer = move |operation: &Operation<'_>| {
            hint.observed(operation);
            reporter.report(Notice::Operation(operation));
        };
        let options = gateway::Options {
            guard: project.guard(),
            region: project.region.clone(),
            denied: own.deny.clone(),
            credentials: (!own.no_auth).then(|| Credentials::new(id, secret)),
            event_shape: own.event_shape,
            time: Time::scaled(own.time_scale)?,
            faults: parts.faults.clone(),
            session_tokens: parts.session_tokens.clone(),
            observers: parts.observers.with(observer),
            tls: self.tls.clone(),
            ..gateway::Options::default()
        };
        let throttling = &self.project.api()?.throttling;
        let limits = own.throttle.map(|account| account.with(throttling));
        options.throttle.set(limits);
        Ok(options)
    }

    /// Returns the URL that functions post to. With TLS it has a separate port, so that functions need not trust the
    /// certificate of clients.
    pub(super) async fn management_url(
        &self,
        gateway: &Gateway,
        address: SocketAddr,
    ) -> Result<String, Failure> {
        if self.tls.is_none() {
            return Ok(gateway.management_url(address));
        }
        let plain = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let url = gateway.plain_management_url(plain.local_addr()?);
        let gateway = gateway.clone();
        tokio::spawn(async move { gateway.serve_management(plain).await });
        Ok(url)
    }

    fn integration(
        &self,
        functions: &Functions,
        name: &str,
    ) -> Result<Arc<dyn Integration>, Failure> {
        let Some(function) = functions.get(name) else {
            return Err(Failure::new(format!(
                "function `{name}` is not running: its program was not started"
            )));
        };
        Ok(match &self.recorder {
            Some(recorder) => Arc::new(recorder.around(name, function.clone())),
            None => Arc::new(function.clone()),
        })
    }

    fn api_keys(&self, template: &Template) -> Vec<ApiKey> {
        let own = self.options.api_key.iter().zip(1..);
        let own = own.map(|(value, number)| ApiKey {
            id: format!("local{number:05}"),
            value: value.clone(),
        });
        template.api_keys.iter().cloned().chain(own).collect()
    }
}
