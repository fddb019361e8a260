//! Serving a function.

use super::Common;
use super::elsewhere::{self, Elsewhere};
use super::endpoint_hint::EndpointHint;
use super::expose::Server;
use super::failure::Failure;
use super::integration::{All, LateFunction, Runner, StandIn};
use super::output::{Printer, Style};
use super::project::{Endpoints, Project};
use super::record::{Recorder, Size};
use super::reload::{Reload, Watched};
use super::signals::Signals;
use super::throttle::AccountLimits;
use super::tls::TlsArgs;
use super::trust;
use super::web;
use clap::Args;
use http::Method;
use lambda_ws_local::activity::{ActivityLog, Observer as _, Observers, Operation};
use lambda_ws_local::admin::{self, Admin};
use lambda_ws_local::console::{self, Console, Site, Web};
use lambda_ws_local::faults::{Faults, Kind, Plan};
use lambda_ws_local::function::{FREEZE_AFTER, Function, LogLine, environment};
use lambda_ws_local::gateway::{
    self, ApiKey, ApiKeys, Authorizer, EventShape, Gateway, Integration, Route, Time, TimeError,
    reachable,
};
use lambda_ws_local::lambda::{self, Lambda};
use lambda_ws_local::remote::Remote;
use lambda_ws_local::session_tokens::SessionTokens;
use lambda_ws_local::template::{self, Authorization, Template};
use lambda_ws_protocol::sigv4::Credentials;
use std::collections::HashMap;
use std::io::Write;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};

/// So many connections take a while to close.
const MANY: usize = 200;

/// How many lines of a function's log may wait.
const LOG: usize = 1000;

#[derive(Debug, Args)]
pub(super) struct Dev {
    #[command(flatten)]
    pub(super) common: Common,
    /// The port of the websocket and the management API; 0 for a free one
    #[arg(short, long, default_value_t = 3001)]
    port: u16,
    /// The port of DynamoDB; 0 for a free one [default: 8000, or 0 with --port 0]
    #[arg(long, value_name = "PORT")]
    dynamodb_port: Option<u16>,
    /// Take calls of the management API, and handshakes of AWS_IAM, as they come: unsigned from curl, or signed by anyone.
    /// DynamoDB always does
    #[arg(long)]
    no_auth: bool,
    /// A method of the management API that the function lacks the permission for: POST, GET or DELETE
    #[arg(long, value_name = "METHOD", value_parser = managed)]
    deny: Vec<Method>,
    /// Limit rates as AWS does: by the template's throttling and by the account's 10000 requests a second
    /// (rate), 5000 at once (burst) and 500 new connections a second; each can be given, as in
    /// rate=100,connections=5 [default: no limits]
    #[arg(long, value_name = "LIMITS", num_args = 0..=1, default_missing_value = "")]
    pub(super) throttle: Option<AccountLimits>,
    /// The shape of events: current, or 2019, with all members of identity and a messageId in each, and no close code
    #[arg(long, value_name = "YEAR", default_value = "current", value_parser = ["current", "2019"])]
    event_shape: String,
    /// What goes wrong on purpose, such as gone=0.5%,post-latency=20ms; `lambda-ws-local faults` lists and changes it
    #[arg(
        long,
        value_name = "SPEC",
        default_value = "off",
        hide_default_value = true
    )]
    fault: Plan,
    /// Let the same go wrong as with this seed [default: another one each time]
    #[arg(long, value_name = "N")]
    fault_seed: Option<u64>,
    /// How fast the timers of idle and old connections run: 600 makes ten minutes a second
    #[arg(long, value_name = "FACTOR", default_value = "1", value_parser = scale)]
    time_scale: f64,
    /// The port of Lambda's Invoke API, which functions invoke one another by; 0 for a free one
    #[arg(long, value_name = "PORT", default_value_t = 0)]
    lambda_port: u16,
    /// The pause after an asynchronous invocation that failed; after the second it is twice as long
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    lambda_retry_delay: u32,
    #[command(flatten)]
    pub(super) elsewhere: Elsewhere,
    /// An API key that clients may use, besides the template's
    #[arg(long, value_name = "KEY")]
    api_key: Vec<String>,
    /// Show no events, only the function's log
    #[arg(short, long)]
    quiet: bool,
    /// Show every post to a client too
    #[arg(short, long, conflicts_with = "quiet")]
    verbose: bool,
    /// Let processes run between events; else they are stopped, as Lambda freezes them
    #[arg(long)]
    no_freeze: bool,
    /// Do not build and start the program again when its sources or the template change
    #[arg(long)]
    no_reload: bool,
    /// Look at this file or folder too, for programs that are not built by cargo [default: the script's folder]
    #[arg(long, value_name = "PATH", conflicts_with = "no_reload")]
    watch: Vec<PathBuf>,
    /// Write each event and its response into this folder, for `invoke`; they hold what clients send: tokens and all
    #[arg(long, value_name = "DIR")]
    record: Option<PathBuf>,
    /// The most events that are recorded
    #[arg(long, value_name = "N", default_value_t = 9_999, requires = "record")]
    record_limit: u64,
    /// The most bytes that are recorded, in KB, MB or GB (1 KB is 1024 bytes)
    #[arg(
        long,
        value_name = "SIZE",
        default_value = "200MB",
        requires = "record"
    )]
    record_size: Size,
    /// Serve this folder at / [default: the folder `web` of the function's package, if there is one]
    #[arg(long, value_name = "DIR")]
    web: Option<PathBuf>,
    /// Serve no console at /_console/, and keep nothing for one
    #[arg(long)]
    no_console: bool,
    #[command(flatten)]
    tls: TlsArgs,
}

fn managed(text: &str) -> Result<Method, String> {
    let methods = [Method::POST, Method::GET, Method::DELETE];
    let mut methods = methods.into_iter();
    let found = methods.find(|method| method.as_str().eq_ignore_ascii_case(text));
    found.ok_or_else(|| "expected POST, GET or DELETE".to_owned())
}

impl Dev {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let mut signals = Signals::listen()?;
        let printer = Arc::new(Printer::start());
        let mut serving = tokio::select! {
            serving = self.start(&printer) => serving?,
            () = signals.next() => return Err(Failure::new("interrupted before the function was served")),
        };
        if !serving.faults.plan().is_off() {
            let (plan, seed) = (serving.faults.plan(), serving.faults.seed());
            let name = printer.style().bad("faults");
            printer.line(format!(
                "{name} {plan}, the same again with --fault-seed {seed}"
            ));
        }
        serving.announce(&self.common)?;
        let reload = serving.reload.take();
        let reload = async {
            match reload {
                Some(reload) => reload.run().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = signals.next() => {}
            () = &mut serving.ended => {}
            () = reload => {}
        }
        let stopped = tokio::select! {
            () = serving.stop() => Ok(()),
            // Who asks twice does not want to wait. The processes end with this one.
            () = signals.next() => Err(Failure::new("stopped before all clients were told")),
        };
        if let Some(fired) = fired(&serving.faults) {
            let name = printer.style().strong("faults");
            printer.line(format!("{name} {fired}"));
        }
        stopped
    }

    pub(super) fn event_shape(&self) -> EventShape {
        match self.event_shape.as_str() {
            "2019" => EventShape::Y2019,
            _ => EventShape::Current,
        }
    }

    async fn start(&self, printer: &Arc<Printer>) -> Result<Serving<'_>, Failure> {
        let project = Project::read(&self.common, &self.elsewhere)?;
        self.elsewhere.check(&project, &self.common)?;
        for note in &project.template().notes {
            let path = project.template().path.display();
            let label = match note.is_warning {
                true => printer.style().bad("warning:"),
                false => printer.style().faint("note:"),
            };
            printer.line(format!("{label} {path}: {note}"));
        }
        let api = project.api()?;
        let tls = self.tls.read(&self.common.allow_host)?;
        for (segment, what) in [(admin::SEGMENT, "admin API"), (console::SEGMENT, "console")] {
            if api.stage == segment {
                return Err(Failure::new(format!(
                    "the stage cannot be named `{segment}`, which is the path of the {what}: choose another with --stage"
                )));
            }
        }
        // Ports first: they are the most frequent trouble, and building takes time.
        let listener = self.common.bind(self.port, "--port").await?;
        let free = if self.port == 0 { 0 } else { 8000 };
        let dynamodb_port = self.dynamodb_port.unwrap_or(free);
        let dynamodb_listener = self
            .common
            .bind_near(Server::Dynamodb, dynamodb_port, "--dynamodb-port")
            .await?;
        let lambda_listener = self
            .common
            .bind_near(Server::Lambda, self.lambda_port, "--lambda-port")
            .await?;
        self.common.warn_of_exposure(self.no_auth, printer);
        let recorder = match &self.record {
            Some(folder) => Some(Recorder::start(
                folder,
                self.record_limit,
                self.record_size,
                printer,
            )?),
            None => None,
        };
        // Before anything is built, so that no change is missed.
        let watched = match self.no_reload {
            true => None,
            false => Watched::start(&project, &self.common, &self.watch, printer).await,
        };
        let (mut programs, mut remotes) = (HashMap::new(), HashMap::new());
        for function in project.functions() {
            if let Some(remote) = self.elsewhere.remote(function)? {
                remotes.insert(function.logical_id.clone(), remote);
                continue;
            }
            let program = project.program(function, &self.common).await?;
            programs.insert(function.logical_id.clone(), program);
        }

        // 32 bits are enough, and short to type.
        let seed = self.fault_seed.unwrap_or_else(|| fastrand::u32(..).into());
        let faults = Faults::new(self.fault, seed);
        let dynamodb = project.dynamodb(&self.common).await?;
        // Without a console nothing reads the log.
        let (session_tokens, activity) = match self.no_console {
            true => (SessionTokens::default(), None),
            false => {
                let tokens = SessionTokens::new();
                (tokens.clone(), Some(ActivityLog::new(tokens)))
            }
        };
        let mut observers = Observers::default();
        if let Some(activity) = &activity {
            observers = observers.with(activity.clone());
        }
        let dynamodb = dynamodb
            .with_faults(faults.clone())
            .with_observers(observers.clone());
        let console_dynamodb = dynamodb.clone();
        let dynamodb_address = dynamodb_listener.local_addr()?;
        let guard = self.common.guard();
        tokio::spawn(async move { dynamodb.serve(dynamodb_listener, guard).await });

        let functions: HashMap<_, _> = project
            .functions()
            .iter()
            .map(|function| {
                let late = LateFunction::new(&function.name, observers.clone());
                (function.logical_id.clone(), late)
            })
            .collect();
        let lambda_address = lambda_listener.local_addr()?;
        let served_functions = served(&project, &functions, &remotes);
        let lambda = self.lambda(served_functions.clone(), &observers, printer);
        let serving_lambda = lambda.clone();
        tokio::spawn(async move { serving_lambda.serve(lambda_listener).await });
        let mut served = gateway::Api::new(&api.id, &api.stage);
        served.stage_variables = api.stage_variables.clone();
        served.expression = api.route_selection_expression.parse()?;
        served.api_keys = ApiKeys {
            source: api.api_key_source,
            accepted: self.api_keys(project.template()),
        };
        let needed = api.routes.iter().any(|route| route.api_key_required);
        if needed && served.api_keys.accepted.is_empty() {
            let note = printer.style().faint("note:");
            printer.line(format!(
                "{note} nobody can connect without an API key, and there is none: name one with --api-key"
            ));
        }
        let function = |name: &str| -> Result<Arc<dyn Integration>, Failure> {
            let Some(function) = functions.get(name) else {
                return Err(Failure::new(format!("function `{name}` is not run")));
            };
            Ok(match &recorder {
                Some(recorder) => Arc::new(recorder.around(name, function.clone())),
                None => Arc::new(function.clone()),
            })
        };
        for route in &api.routes {
            let mut served_route = Route::new(match &route.integration {
                template::Integration::Function(name) => function(name)?,
                other => Arc::new(StandIn::new(other)),
            });
            served_route.two_way = route.two_way;
            served_route.timeout = route.timeout;
            served_route.api_key_required = route.api_key_required;
            if let Some(models) = &route.models {
                served_route.models = Some(Arc::new(models.compile()?));
            }
            match &route.authorization {
                Authorization::None => {}
                Authorization::Iam => served.authorization = gateway::Authorization::Iam,
                Authorization::Lambda(template) => {
                    let mut authorizer = Authorizer::new(function(&template.function)?);
                    authorizer.identity_sources = template.identity_sources.clone();
                    served.authorization = gateway::Authorization::Lambda(authorizer);
                }
            }
            served.routes.insert(route.key.clone(), served_route);
        }
        let mut options = gateway::Options::default();
        options.guard = self.common.guard();
        options.region.clone_from(&self.common.region);
        options.denied.clone_from(&self.deny);
        if !self.no_auth {
            let (id, secret) = (&self.common.access_key_id, &self.common.secret_access_key);
            options.credentials = Some(Credentials::new(id, secret));
        }
        options.event_shape = self.event_shape();
        let limits = self.throttle.map(|account| account.with(&api.throttling));
        options.throttle.set(limits);
        options.time = Time::scaled(self.time_scale)?;
        options.faults = faults.clone();
        options.session_tokens = session_tokens.clone();
        let address = listener.local_addr()?;
        let console = activity.clone().map(|activity| {
            let functions = Arc::new(All(functions.clone()));
            let console = Console::new(activity, console_dynamodb, functions, address);
            match tls.is_some() {
                true => console.with_tls(trust::anyone()),
                false => console,
            }
        });
        let folder = match &self.web {
            Some(folder) => Some(web::given(folder)?),
            None => web::of_project(&project).await,
        };
        let has_web = folder.is_some();
        let mut admin = Admin::new(faults.clone()).with_functions(served_functions);
        if let Some(activity) = activity {
            admin = admin.with_activity(activity);
        }
        let site = Arc::new(Site {
            admin,
            console,
            web: folder.map(|folder| Web::new(folder, tls.is_some())),
            admin_audience: self.common.audience(Server::Admin),
            console_audience: self.common.audience(Server::Console),
        });
        let hint = EndpointHint::new(printer);
        let (shown, verbose) = ((!self.quiet).then(|| printer.clone()), self.verbose);
        let hinting = hint.clone();
        options.observers = observers.with(move |observed: &Operation<'_>| {
            hinting.observed(observed);
            if let Some(printer) = &shown {
                printer.observed(observed, verbose);
            }
        });
        options.tls = tls;
        let secure = options.tls.is_some();
        let gateway = Gateway::new(served, options).with_pages(site);
        let management = match secure {
            false => gateway.management_url(address),
            true => {
                // A function need not trust the certificate that clients do.
                let beside = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
                let url = gateway.plain_management_url(beside.local_addr()?);
                let gateway = gateway.clone();
                tokio::spawn(async move { gateway.serve_management(beside).await });
                url
            }
        };
        let endpoints = Endpoints {
            management,
            dynamodb: format!("http://{}", reachable(dynamodb_address)),
            lambda: Some(format!("http://{}", reachable(lambda_address))),
        };
        let websocket = gateway.url(address);
        let served_gateway = gateway.clone();
        let (stop, stopped) = oneshot::channel::<()>();
        // The function calls the management API while it starts: it must be there.
        let serving = tokio::spawn(async move {
            let stopped = async { drop(stopped.await) };
            gateway.serve(listener, stopped).await;
        });
        for function in project.functions() {
            if let Some(remote) = remotes.remove(&function.logical_id) {
                let all = project.environment_elsewhere(function, &self.common, &endpoints);
                let needed = environment::for_others(&function.environment, &all);
                elsewhere::print_environment(printer, function, &remote, &needed);
                functions[&function.logical_id].started(Runner::Elsewhere(remote));
                continue;
            }
            let Some(program) = programs.get(&function.logical_id).cloned() else {
                continue;
            };
            let mut config = project.config(function, program, &self.common, &endpoints);
            config.faults = faults.clone();
            config.freeze = (!self.no_freeze).then_some(FREEZE_AFTER);
            config.observers = observers.clone();
            config.session_tokens = session_tokens.clone();
            let (log, mut lines) = mpsc::channel::<LogLine>(LOG);
            let (printer, name) = (printer.clone(), function.name.clone());
            let observers = observers.clone();
            let hint = hint.clone();
            tokio::spawn(async move {
                while let Some(line) = lines.recv().await {
                    hint.log(&line.text);
                    printer.log(&name, &line);
                    observers.log_line(&name, &line);
                }
            });
            let started = Function::start(config, log).await?;
            functions[&function.logical_id].started(Runner::Here(started));
        }
        let reload = watched.map(|watched| Reload {
            common: &self.common,
            printer: printer.clone(),
            project,
            functions: functions.clone(),
            programs,
            elsewhere: &self.elsewhere,
            endpoints: endpoints.clone(),
            watched,
        });
        let site = |path: &str| {
            let scheme = if secure { "https" } else { "http" };
            format!("{scheme}://{}/{path}", reachable(address))
        };
        Ok(Serving {
            websocket,
            console: (!self.no_console).then(|| site("_console/")),
            web: has_web.then(|| site("")),
            faults,
            endpoints,
            functions: functions.into_values().collect(),
            recorder,
            reload,
            lambda,
            printer: printer.clone(),
            gateway: served_gateway,
            stop: Some(stop),
            ended: Box::pin(async { drop(serving.await) }),
        })
    }

    /// Lambda's Invoke API of all functions.
    fn lambda(
        &self,
        served: Vec<lambda::Served>,
        observers: &Observers,
        printer: &Arc<Printer>,
    ) -> Lambda {
        let printer = printer.clone();
        let options = lambda::Options {
            guard: self.common.guard(),
            region: self.common.region.clone(),
            retry_delay: Duration::from_secs(self.lambda_retry_delay.into()),
            observers: observers.clone(),
            observer: Some(Arc::new(move |lost| {
                printer.line(format!("{} {lost}", printer.style().bad("error:")));
            })),
        };
        Lambda::new(served, options)
    }
}

/// The functions, as others and they themselves invoke them.
fn served(
    project: &Project,
    functions: &HashMap<String, LateFunction>,
    remotes: &HashMap<String, Remote>,
) -> Vec<lambda::Served> {
    let served = project.functions().iter().map(|function| {
        let remote = remotes.get(&function.logical_id);
        lambda::Served {
            name: function.name.clone(),
            elsewhere: remote.and_then(Remote::function).map(str::to_owned),
            asynchronous: function.asynchronous,
            target: Arc::new(functions[&function.logical_id].clone()),
        }
    });
    served.collect()
}

fn scale(text: &str) -> Result<f64, String> {
    let scale = text.parse().map_err(|_| TimeError::Scale.to_string())?;
    // Only to see whether it is one.
    let time = Time::scaled(scale).map_err(|error| error.to_string());
    time.map(|_| scale)
}

/// How often each fault has happened, if any has.
fn fired(faults: &Faults) -> Option<String> {
    let counts = Kind::ALL.map(|kind| (kind.name(), faults.fired(kind)));
    let counts = counts.iter().filter(|(_, count)| *count > 0);
    let counts: Vec<_> = counts
        .map(|(name, count)| format!("{name} {count}"))
        .collect();
    (!counts.is_empty()).then(|| counts.join(", "))
}

impl Dev {
    /// The API keys of the template, and those of the command line.
    fn api_keys(&self, template: &Template) -> Vec<ApiKey> {
        let own = self
            .api_key
            .iter()
            .enumerate()
            .map(|(number, value)| ApiKey {
                id: format!("local{:05}", number + 1),
                value: value.clone(),
            });
        template.api_keys.iter().cloned().chain(own).collect()
    }
}

/// A function that is served.
struct Serving<'a> {
    websocket: String,
    console: Option<String>,
    /// The application's own page.
    web: Option<String>,
    faults: Faults,
    endpoints: Endpoints,
    functions: Vec<LateFunction>,
    recorder: Option<Arc<Recorder>>,
    reload: Option<Reload<'a>>,
    lambda: Lambda,
    printer: Arc<Printer>,
    gateway: Gateway,
    stop: Option<oneshot::Sender<()>>,
    /// Resolves when the gateway has ended.
    ended: std::pin::Pin<Box<dyn Future<Output = ()> + Send>>,
}

impl Serving<'_> {
    /// Says where everything is. Whoever reads standard output knows from the last line that it is
    /// ready.
    fn announce(&self, common: &Common) -> Result<(), Failure> {
        let style = Style::stdout();
        let mut stdout = std::io::stdout().lock();
        let pages = [("page", &self.web), ("console", &self.console)];
        let pages = pages
            .into_iter()
            .filter_map(|(name, url)| Some((name, url.clone()?)));
        let lines = [
            ("websocket", self.websocket.clone()),
            (
                "management",
                format!("{}/@connections/{{id}}", self.endpoints.management),
            ),
            ("dynamodb", self.endpoints.dynamodb.clone()),
            ("region", common.region.clone()),
            (
                "credentials",
                format!("{}/{}", common.access_key_id, common.secret_access_key),
            ),
        ];
        // The credentials stay the last line.
        let (last, lines) = lines.split_last().expect("there are five");
        let lines = lines.iter().cloned().chain(pages).chain([last.clone()]);
        for (name, value) in lines {
            let name = format!("{name:<11}");
            writeln!(stdout, "{} {value}", style.strong(&name))?;
        }
        stdout.flush()?;
        Ok(())
    }

    /// Closes every connection, waits for their `$disconnect`, and ends the function's processes.
    async fn stop(&mut self) {
        let style = self.printer.style();
        let open = self.gateway.connections();
        if open >= MANY {
            self.printer.line(format!(
                "{} closing {open} connections and handling their $disconnect: Ctrl-C again ends at once",
                style.faint("note:")
            ));
        }
        drop(self.stop.take());
        (&mut self.ended).await;
        match self.lambda.stop() {
            0 => {}
            n => self.printer.line(format!(
                "{} asynchronous events that still wait are lost: {n}",
                style.bad("warning:")
            )),
        }
        for function in &self.functions {
            function.stop().await;
        }
        if let Some(recorder) = &self.recorder {
            recorder.finish().await;
        }
    }
}
