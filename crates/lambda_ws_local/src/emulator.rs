//! The emulator: a gateway in front of a template's functions, with DynamoDB and Lambda's Invoke API behind them.
//!
//! ```no_run
//! use lambda_ws_local::emulator::{Emulator, Options, Reporter};
//!
//! # async fn run() -> Result<(), lambda_ws_local::emulator::Failure> {
//! let options = Options::parse(&["--port", "0", "--", "target/debug/chat"])?;
//! let emulator = Emulator::bind(options, Reporter::new(|_| {})).await?;
//! let mut running = emulator.start().await?;
//! println!("{}", running.urls().websocket);
//! running.stop().await;
//! # Ok(())
//! # }
//! ```

mod cargo;
mod cloud_assembly;
mod code;
mod endpoint_hint;
mod env;
mod failure;
mod functions;
mod gateway;
mod invoke_urls;
mod invoker;
mod management_stub;
mod options;
mod ports;
mod project;
mod record;
mod reload;
mod report;
mod running;
mod sources;
mod throttle;
mod tls;
mod watch;
mod web;

pub use crate::error_text::error_text;
pub use cloud_assembly::default_template;
pub use failure::Failure;
pub use invoker::{Invoker, Unfinished};
pub use options::{Options, ProjectOptions, parameter};
pub use project::DEFAULT_TEMPLATE;
pub use record::{Recorded, json_or_text};
pub use report::{Notice, Reporter};
pub use running::{Running, Urls};
pub use tls::accept_any_certificate;

use crate::activity::{ActivityLog, Observers};
use crate::admin;
use crate::console;
use crate::dynamodb::DynamoDb;
use crate::faults::Faults;
use crate::function::{FREEZE_AFTER, Program};
use crate::gateway::{Gateway, Tls, reachable};
use crate::lambda::{self, Lambda};
use crate::remote::RemoteFunction;
use crate::session_tokens::SessionTokens;
use endpoint_hint::EndpointHint;
use functions::{FunctionHandle, Functions, Runner};
use ports::Ports;
use project::{Endpoints, Project};
use record::Recorder;
use reload::{Reload, Watched};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;

/// An emulator whose ports are bound and whose project is read.
pub struct Emulator {
    options: Arc<Options>,
    reporter: Reporter,
    project: Project,
    tls: Option<Tls>,
    ports: Ports,
    recorder: Option<Arc<Recorder>>,
    watched: Option<Watched>,
}

struct Parts {
    faults: Faults,
    session_tokens: SessionTokens,
    /// `None` without a console, because only the console reads it.
    activity: Option<ActivityLog>,
    observers: Observers,
    dynamodb: DynamoDb,
    functions: Functions,
    /// The functions that Lambda's Invoke API serves.
    invocable: Vec<lambda::Invocable>,
    hint: Arc<EndpointHint>,
}

/// The programs of the functions, by the functions' logical ids.
#[derive(Default)]
struct Programs {
    local: HashMap<String, Program>,
    remote: HashMap<String, RemoteFunction>,
}

impl Emulator {
    /// Reads the project, binds the ports, and begins to record and to watch files.
    ///
    /// # Errors
    ///
    /// A template that cannot be served, a port in use, or a folder that cannot be written.
    pub async fn bind(options: Options, reporter: Reporter) -> Result<Emulator, Failure> {
        let project = Project::read(&Arc::new(options.project.clone()), &options.invoke_urls)?;
        let is_given = |function: &_| project.given(function).is_some();
        options.invoke_urls.check(project.functions(), is_given)?;
        project.report_notes(&reporter);
        let stage = &project.api()?.stage;
        let tls = options.tls.read(&options.project.allow_host)?;
        check_stage(stage)?;
        // A port in use is the most frequent fault, and a build takes time.
        let ports = Ports::bind(&options).await?;
        options.project.warn_of_exposure(options.no_auth, &reporter);
        let (limit, size) = (options.record_limit, options.record_size);
        let recorder = match &options.record {
            Some(folder) => Some(Recorder::start(folder, limit, size, &reporter)?),
            None => None,
        };
        // The watch starts before the build, so that it misses no change.
        let watched = match options.no_reload {
            true => None,
            false => Watched::start(&project, &options.watch, &reporter).await,
        };
        Ok(Emulator {
            options: Arc::new(options),
            reporter,
            project,
            tls,
            ports,
            recorder,
            watched,
        })
    }

    /// Builds the programs, and starts the servers and then the functions.
    ///
    /// # Errors
    ///
    /// A program that does not build or start, or tables that cannot be created.
    pub async fn start(self) -> Result<Running, Failure> {
        let mut programs = self.programs().await?;
        let parts = self.parts(&programs).await?;
        let dynamodb_url = ports::url(&self.ports.dynamodb)?;
        let lambda_url = ports::url(&self.ports.lambda)?;
        let lambda = self.lambda(&parts);
        let address = self.ports.gateway.local_addr()?;
        let (site, has_web) = self.site(&parts, address).await?;
        let api = self.api(&parts.functions)?;
        let options = self.gateway_options(&parts)?;
        let gateway = Gateway::new(api, options).with_pages(Arc::new(site));
        let endpoints = Endpoints {
            management: self.management_url(&gateway, address).await?,
            dynamodb: dynamodb_url,
            lambda: Some(lambda_url),
        };
        let urls = self.urls(&gateway, &endpoints, address, has_web);

        let guard = self.options.project.guard();
        let (dynamodb, listener) = (parts.dynamodb.clone(), self.ports.dynamodb);
        tokio::spawn(async move { dynamodb.serve(listener, guard).await });
        let (serving, listener) = (lambda.clone(), self.ports.lambda);
        tokio::spawn(async move { serving.serve(listener).await });
        let (stop, stopped) = oneshot::channel::<()>();
        let (serving, listener) = (gateway.clone(), self.ports.gateway);
        // A function can call the management API while it starts, so the gateway serves before that.
        let ended = tokio::spawn(async move {
            let stopped = async { drop(stopped.await) };
            serving.serve(listener, stopped).await;
        });
        let starter = FunctionStarter {
            options: &self.options,
            project: &self.project,
            parts: &parts,
            endpoints: &endpoints,
            reporter: &self.reporter,
        };
        starter.start(&mut programs).await?;

        let reload = self.watched.map(|watched| Reload {
            options: self.options.clone(),
            reporter: self.reporter.clone(),
            project: self.project,
            functions: parts.functions.clone(),
            programs: programs.local,
            endpoints,
            watched,
        });
        Ok(Running {
            urls,
            faults: parts.faults,
            functions: parts.functions.into_values().collect(),
            recorder: self.recorder,
            reload,
            lambda,
            reporter: self.reporter,
            gateway,
            stop: Some(stop),
            ended,
        })
    }

    async fn programs(&self) -> Result<Programs, Failure> {
        let mut programs = Programs::default();
        for function in self.project.functions() {
            let id = function.logical_id.clone();
            match self.options.invoke_urls.remote(function)? {
                Some(remote) => drop(programs.remote.insert(id, remote)),
                None => {
                    let program = self.project.program(function).await?;
                    programs.local.insert(id, program);
                }
            }
        }
        Ok(programs)
    }

    async fn parts(&self, programs: &Programs) -> Result<Parts, Failure> {
        let options = &self.options;
        // 32 bits are enough, and short to type.
        let seed = options
            .fault_seed
            .unwrap_or_else(|| fastrand::u32(..).into());
        let faults = Faults::new(options.fault, seed);
        let session_tokens = match options.no_console {
            true => SessionTokens::default(),
            false => SessionTokens::new(),
        };
        let activity = (!options.no_console).then(|| ActivityLog::new(session_tokens.clone()));
        let observers = match &activity {
            Some(activity) => Observers::default().with(activity.clone()),
            None => Observers::default(),
        };
        let dynamodb = self.project.dynamodb().await?;
        let handle = |function: &crate::template::Function| {
            let handle = FunctionHandle::new(&function.name, observers.clone());
            (function.logical_id.clone(), handle)
        };
        let functions: Functions = self.project.functions().iter().map(handle).collect();
        let invocable = self.project.functions().iter().map(|function| {
            let remote = programs.remote.get(&function.logical_id);
            lambda::Invocable {
                name: function.name.clone(),
                remote_name: remote.and_then(RemoteFunction::function).map(str::to_owned),
                asynchronous: function.asynchronous,
                target: Arc::new(functions[&function.logical_id].clone()),
            }
        });
        Ok(Parts {
            invocable: invocable.collect(),
            dynamodb: dynamodb
                .with_faults(faults.clone())
                .with_observers(observers.clone()),
            faults,
            session_tokens,
            activity,
            observers,
            functions,
            hint: EndpointHint::new(&self.reporter),
        })
    }

    fn lambda(&self, parts: &Parts) -> Lambda {
        let reporter = self.reporter.clone();
        let project = &self.options.project;
        let options = lambda::Options {
            guard: project.guard(),
            region: project.region.clone(),
            retry_delay: Duration::from_secs(self.options.lambda_retry_delay.into()),
            observers: parts.observers.clone(),
            observer: Some(Arc::new(move |lost| {
                reporter.report(Notice::Error(&lost.to_string()));
            })),
        };
        Lambda::new(parts.invocable.clone(), options)
    }

    fn urls(
        &self,
        gateway: &Gateway,
        endpoints: &Endpoints,
        address: SocketAddr,
        has_web: bool,
    ) -> Urls {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        let site = |path: &str| format!("{scheme}://{}/{path}", reachable(address));
        Urls {
            websocket: gateway.url(address),
            management: endpoints.management.clone(),
            dynamodb: endpoints.dynamodb.clone(),
            console: (!self.options.no_console).then(|| site("_console/")),
            web: has_web.then(|| site("")),
        }
    }
}

/// Starts functions once their environment is known.
struct FunctionStarter<'a> {
    options: &'a Options,
    project: &'a Project,
    parts: &'a Parts,
    endpoints: &'a Endpoints,
    reporter: &'a Reporter,
}

impl FunctionStarter<'_> {
    async fn start(&self, programs: &mut Programs) -> Result<(), Failure> {
        for function in self.project.functions() {
            let handle = &self.parts.functions[&function.logical_id];
            if let Some(remote) = programs.remote.remove(&function.logical_id) {
                let environment = self.project.remote_environment(function, self.endpoints);
                invoke_urls::report_environment(self.reporter, function, &remote, &environment);
                handle.set_runner(Runner::Remote(remote));
                continue;
            }
            let Some(program) = programs.local.get(&function.logical_id).cloned() else {
                continue;
            };
            let mut config = self.project.config(function, program, self.endpoints);
            config.faults = self.parts.faults.clone();
            config.freeze = (!self.options.no_freeze).then_some(FREEZE_AFTER);
            config.observers = self.parts.observers.clone();
            config.session_tokens = self.parts.session_tokens.clone();
            let hint = Some(self.parts.hint.clone());
            handle.start(config, self.reporter, hint).await?;
        }
        Ok(())
    }
}

/// Checks that the stage's name does not hide the emulator's own pages.
fn check_stage(stage: &str) -> Result<(), Failure> {
    let own = [(admin::SEGMENT, "admin API"), (console::SEGMENT, "console")];
    match own.into_iter().find(|(segment, _)| *segment == stage) {
        None => Ok(()),
        Some((segment, what)) => Err(Failure::new(format!(
            "the stage cannot be named `{segment}`: this is the path of the {what}; choose another name with --stage"
        ))),
    }
}
