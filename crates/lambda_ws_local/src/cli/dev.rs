//! Serving a function.

use super::Common;
use super::failure::Failure;
use super::integration::LateFunction;
use super::output::{Printer, Style};
use super::project::{Endpoints, Project};
use super::signals::Signals;
use clap::Args;
use lambda_ws_local::function::Function;
use lambda_ws_local::gateway::{self, Gateway, Route};
use std::collections::HashMap;
use std::io::Write;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot};

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
    /// Show no events, only the function's log
    #[arg(short, long)]
    quiet: bool,
    /// Show every post to a client too
    #[arg(short, long, conflicts_with = "quiet")]
    verbose: bool,
}

impl Dev {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let mut signals = Signals::listen()?;
        let printer = Arc::new(Printer::start());
        let mut serving = tokio::select! {
            serving = self.start(&printer) => serving?,
            () = signals.next() => return Ok(()),
        };
        serving.announce(&self.common)?;
        tokio::select! {
            () = signals.next() => {}
            () = &mut serving.ended => {}
        }
        tokio::select! {
            () = serving.stop() => Ok(()),
            // Who asks twice does not want to wait. The processes end with this one.
            () = signals.next() => Err(Failure::new("stopped before all clients were told")),
        }
    }

    async fn start(&self, printer: &Arc<Printer>) -> Result<Serving, Failure> {
        let project = Project::read(&self.common)?;
        for note in &project.template().notes {
            let path = project.template().path.display();
            printer.line(format!("{} {path}: {note}", printer.style().faint("note:")));
        }
        let api = project.api()?;
        // Ports first: they are the most frequent trouble, and building takes time.
        let listener = self.common.bind(self.port, "--port").await?;
        let free = if self.port == 0 { 0 } else { 8000 };
        let dynamodb_port = self.dynamodb_port.unwrap_or(free);
        let dynamodb_listener = self.common.bind(dynamodb_port, "--dynamodb-port").await?;
        let mut programs = HashMap::new();
        for function in project.functions() {
            let program = project.program(function, &self.common).await?;
            programs.insert(function.logical_id.clone(), program);
        }

        let dynamodb = project.dynamodb(&self.common).await?;
        let dynamodb_address = dynamodb_listener.local_addr()?;
        let guard = self.common.guard();
        tokio::spawn(async move { dynamodb.serve(dynamodb_listener, guard).await });

        let functions: HashMap<_, _> = project
            .functions()
            .iter()
            .map(|function| (function.logical_id.clone(), LateFunction::default()))
            .collect();
        let mut served = gateway::Api::new(&api.id, &api.stage);
        served.stage_variables = api.stage_variables.clone();
        served.expression = api.route_selection_expression.parse()?;
        for route in &api.routes {
            let Some(function) = functions.get(&route.function) else {
                return Err(Failure::new(format!(
                    "function `{}` is not run",
                    route.function
                )));
            };
            let mut served_route = Route::new(Arc::new(function.clone()));
            served_route.two_way = route.two_way;
            served_route.timeout = route.timeout;
            served.routes.insert(route.key.clone(), served_route);
        }
        let mut options = gateway::Options::default();
        options.guard = self.common.guard();
        if !self.quiet {
            let (printer, verbose) = (printer.clone(), self.verbose);
            options.observer = Some(Arc::new(move |observed| {
                printer.observed(observed, verbose)
            }));
        }
        let gateway = Gateway::new(served, options);
        let address = listener.local_addr()?;
        let endpoints = Endpoints {
            management: gateway.management_url(address),
            dynamodb: format!("http://{}", reachable(dynamodb_address)),
        };
        let websocket = gateway.url(address);
        let (stop, stopped) = oneshot::channel::<()>();
        // The function calls the management API while it starts: it must be there.
        let serving = tokio::spawn(async move {
            let stopped = async { drop(stopped.await) };
            gateway.serve(listener, stopped).await;
        });
        for function in project.functions() {
            let Some(program) = programs.remove(&function.logical_id) else {
                continue;
            };
            let config = project.config(function, program, &self.common, &endpoints);
            let (log, mut lines) = mpsc::channel(LOG);
            let (printer, name) = (printer.clone(), function.name.clone());
            tokio::spawn(async move {
                while let Some(line) = lines.recv().await {
                    printer.log(&name, &line);
                }
            });
            functions[&function.logical_id].started(Function::start(config, log).await?);
        }
        Ok(Serving {
            websocket,
            endpoints,
            functions: functions.into_values().collect(),
            stop: Some(stop),
            ended: Box::pin(async { drop(serving.await) }),
        })
    }
}

/// A function that is served.
struct Serving {
    websocket: String,
    endpoints: Endpoints,
    functions: Vec<LateFunction>,
    stop: Option<oneshot::Sender<()>>,
    /// Resolves when the gateway has ended.
    ended: std::pin::Pin<Box<dyn Future<Output = ()> + Send>>,
}

impl Serving {
    /// Says where everything is. Whoever reads standard output knows from the last line that it is
    /// ready.
    fn announce(&self, common: &Common) -> Result<(), Failure> {
        let style = Style::stdout();
        let mut stdout = std::io::stdout().lock();
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
        for (name, value) in lines {
            let name = format!("{name:<11}");
            writeln!(stdout, "{} {value}", style.strong(&name))?;
        }
        stdout.flush()?;
        Ok(())
    }

    /// Closes every connection, waits for their `$disconnect`, and ends the function's processes.
    async fn stop(&mut self) {
        drop(self.stop.take());
        (&mut self.ended).await;
        for function in &self.functions {
            function.stop().await;
        }
    }
}

/// An address to connect to, for one to listen on.
fn reachable(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(std::net::Ipv4Addr::LOCALHOST.into());
    }
    address
}
