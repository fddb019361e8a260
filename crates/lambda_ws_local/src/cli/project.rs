//! What is to be run: a template's functions, each with its program.

use super::elsewhere::Elsewhere;
use super::failure::Failure;
use super::{Common, build, code};
use lambda_ws_local::dynamodb::DynamoDb;
use lambda_ws_local::function::environment::{Variables, variables};
use lambda_ws_local::function::{Config, Program};
use lambda_ws_local::guard::Guard;
use lambda_ws_local::template::{Api, Build, Function, Integration, Options, Route, Template};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::net::TcpListener;

/// The template that is read if none is named.
pub(super) const TEMPLATE: &str = "template.yaml";

/// How long a program that cargo has to compile may take until it asks for its first event.
const CARGO_INIT: Duration = Duration::from_secs(15 * 60);

/// What is to be run.
pub(super) struct Project {
    template: Template,
    /// Variables of the command line.
    extra: BTreeMap<String, String>,
}

impl Project {
    /// Reads the template; a program without one gets the default, and so does a function that is run `elsewhere`.
    /// Functions that no route uses and that have no program here are left out, with a note.
    pub(super) fn read(common: &Common, elsewhere: &Elsewhere) -> Result<Self, Failure> {
        let options = Options {
            parameters: common.parameter_overrides.iter().cloned().collect(),
            stage: common.stage.clone(),
            region: common.region.clone(),
            ..Options::default()
        };
        let path = common.template.clone();
        let path = path.unwrap_or_else(|| PathBuf::from(TEMPLATE));
        let missing = common.template.is_none() && !path.exists();
        if missing && common.program.is_empty() && !elsewhere.is_set() {
            return Err(Failure::new(format!(
                "there is no {TEMPLATE} here: name one with --template, or a program after `--`, \
                 such as `lambda-ws-local -- cargo run`"
            )));
        }
        let mut template = match missing {
            true => Template::parse(include_str!("default.yaml"), Path::new(TEMPLATE), &options)?,
            false => Template::read(&path, &options)?,
        };
        let extra = common.env.read(|name| std::env::var(name).ok())?;
        code::find_assets(&mut template);
        code::leave_out(&mut template, |function| {
            elsewhere.runs(function) || common.function.as_ref() == Some(&function.logical_id)
        });
        let this = Self { template, extra };
        this.check(common)?;
        Ok(this)
    }

    fn check(&self, common: &Common) -> Result<(), Failure> {
        let functions = self.functions();
        let mut routes = self.template.apis.iter().flat_map(|api| &api.routes);
        let is_mock = |route: &Route| matches!(route.integration, Integration::Mock(_));
        if functions.is_empty() && !routes.any(is_mock) {
            let path = self.template.path.display();
            let warnings = self.template.notes.iter().filter(|note| note.is_warning);
            let why: String = warnings
                .map(|warning| format!("\n{path}: {warning}"))
                .collect();
            return Err(Failure::new(format!("{path} has no function to run{why}")));
        }
        let names: Vec<_> = functions.iter().map(|f| f.logical_id.as_str()).collect();
        let names = names.join(", ");
        match &common.function {
            Some(name) if !functions.iter().any(|f| f.logical_id == *name) => Err(Failure::new(
                format!("the template has no function `{name}`: it has {names}"),
            )),
            None if !common.program.is_empty() && functions.len() > 1 => Err(Failure::new(
                format!("say with --function which one the program is: {names}"),
            )),
            _ => Ok(()),
        }
    }

    pub(super) fn template(&self) -> &Template {
        &self.template
    }

    /// The API to serve.
    pub(super) fn api(&self) -> Result<&Api, Failure> {
        match self.template.apis.as_slice() {
            [api] => Ok(api),
            [] => Err(Failure::new(format!(
                "{} has no websocket API: add an `AWS::Serverless::WebSocketApi`",
                self.template.path.display()
            ))),
            [_, second, ..] => Err(Failure::new(format!(
                "{}:{}: a second websocket API cannot be served beside the first",
                self.template.path.display(),
                second.line
            ))),
        }
    }

    /// The functions to run.
    pub(super) fn functions(&self) -> &[Function] {
        &self.template.functions
    }

    /// The program that is given for a function on the command line.
    pub(super) fn given<'c>(
        &self,
        function: &Function,
        common: &'c Common,
    ) -> Option<(&'c OsString, &'c [OsString])> {
        let chosen = common.function.as_ref();
        let is_chosen = chosen.is_none_or(|name| *name == function.logical_id);
        let (program, args) = common.program.split_first()?;
        is_chosen.then_some((program, args))
    }

    /// The program of a function, built if it has to be.
    pub(super) async fn program(
        &self,
        function: &Function,
        common: &Common,
    ) -> Result<Program, Failure> {
        if let Some((program, args)) = self.given(function, common) {
            return Ok(Program {
                program: program.clone(),
                args: args.to_vec(),
                current_dir: None,
            });
        }
        match &function.build {
            Build::RustCargoLambda { binary } if code::is_built_by_cargo(function) => {
                let program = build::build(&function.code, binary.as_deref(), common.release);
                Ok(Program {
                    program: program.await?.into(),
                    ..Program::default()
                })
            }
            _ => code::bootstrap(function).map_err(|why| {
                let fixes = code::fixes(function, !common.program.is_empty());
                Failure::new(format!(
                    "{}:{}: function {} cannot run here: {why}; {fixes}",
                    self.template.path.display(),
                    function.line,
                    code::title(function),
                ))
            }),
        }
    }

    /// How a function is run.
    pub(super) fn config(
        &self,
        function: &Function,
        program: Program,
        common: &Common,
        endpoints: &Endpoints,
    ) -> Config {
        let cargo = Path::new(&program.program)
            .file_stem()
            .is_some_and(|n| n == "cargo");
        let mut config = Config::new(&function.name, program);
        let mut chosen = function.environment.clone();
        chosen.extend(self.extra.clone());
        config.environment = environment(function, &chosen, cargo, common, endpoints);
        config.arn = format!(
            "arn:aws:lambda:{}:000000000000:function:{}",
            common.region, function.name
        );
        config.timeout = function.timeout;
        config.concurrency = common.concurrency.max(1);
        if cargo {
            config.init_timeout = CARGO_INIT;
        }
        config
    }

    /// The environment of a function that somebody else runs, to be printed: without the values of the command line, which
    /// may be secrets.
    pub(super) fn environment_elsewhere(
        &self,
        function: &Function,
        common: &Common,
        endpoints: &Endpoints,
    ) -> BTreeMap<String, String> {
        environment(function, &function.environment, false, common, endpoints)
    }

    /// A DynamoDB with the template's tables.
    pub(super) async fn dynamodb(&self, common: &Common) -> Result<DynamoDb, Failure> {
        let dynamodb = match &common.data {
            Some(path) => DynamoDb::open(path)?,
            None => DynamoDb::memory()?,
        };
        for table in &self.template.tables {
            let ttl = table.ttl_attribute.as_deref();
            let created = dynamodb.create_table(table.create.clone(), ttl).await;
            created.map_err(|error| {
                let path = self.template.path.display();
                Failure::because(&format!("{path}:{}: table", table.line), error)
            })?;
        }
        Ok(dynamodb)
    }
}

/// The environment of a function, with the variables that are chosen for it.
fn environment(
    function: &Function,
    chosen: &BTreeMap<String, String>,
    cargo: bool,
    common: &Common,
    endpoints: &Endpoints,
) -> BTreeMap<String, String> {
    let task_root = function.code.canonicalize().unwrap_or_default();
    let setup = Variables {
        function_name: &function.name,
        handler: &function.handler,
        memory: function.memory_mb,
        task_root: &task_root.to_string_lossy(),
        cargo,
        template: chosen,
        region: &common.region,
        access_key_id: &common.access_key_id,
        secret_access_key: &common.secret_access_key,
        management_url: &endpoints.management,
        dynamodb_url: Some(&endpoints.dynamodb),
        lambda_url: endpoints.lambda.as_deref(),
    };
    variables(&setup, |name| std::env::var(name).ok())
}

/// Where the function finds AWS.
#[derive(Clone)]
pub(super) struct Endpoints {
    pub(super) management: String,
    pub(super) dynamodb: String,
    /// `None` where functions cannot invoke one another.
    pub(super) lambda: Option<String>,
}

impl Common {
    /// Who may call the local servers.
    pub(super) fn guard(&self) -> Guard {
        Guard::new(&self.allow_host)
    }

    /// Listens on a port; `option` is what chooses it.
    pub(super) async fn bind(&self, port: u16, option: &str) -> Result<TcpListener, Failure> {
        bind(self.listen, port, option).await
    }
}

/// Listens on a port of an address; `option` is what chooses the port.
pub(super) async fn bind(ip: IpAddr, port: u16, option: &str) -> Result<TcpListener, Failure> {
    let address = SocketAddr::new(ip, port);
    let bound = TcpListener::bind(address).await;
    bound.map_err(|error| match error.kind() {
        ErrorKind::AddrInUse => Failure::new(format!(
            "port {port} is in use: choose another with {option} PORT, or --port 0 for any free ones"
        )),
        ErrorKind::PermissionDenied => Failure::new(format!(
            "port {port} needs more rights than this user has: choose one from 1024 up with {option} PORT"
        )),
        ErrorKind::AddrNotAvailable => Failure::new(format!(
            "{ip} is not an address of this machine: choose another with --listen"
        )),
        _ => Failure::because(&format!("cannot listen on {address}"), error),
    })
}
