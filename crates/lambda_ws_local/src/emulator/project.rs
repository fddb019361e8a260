//! The functions of a template, each with its program.

use super::failure::Failure;
use super::invoke_urls::InvokeUrls;
use super::options::ProjectOptions;
use super::report::Reporter;
use super::{cargo, cloud_assembly, code};
use crate::dynamodb::DynamoDb;
use crate::function::environment::{Variables, for_others, variables};
use crate::function::{Config, Program};
use crate::template::{Api, Build, Function, Integration, Options, Route, Template};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// The template that is read by default.
pub const DEFAULT_TEMPLATE: &str = "template.yaml";

/// The start-up timeout of a program that cargo has to compile first.
const CARGO_INIT: Duration = Duration::from_secs(15 * 60);

pub(super) struct Project {
    options: Arc<ProjectOptions>,
    template: Template,
    extra: BTreeMap<String, String>,
}

impl Project {
    /// Reads the template. Without one, a program or a function behind one of `urls` gets the default template.
    /// Functions without a route and without a program are skipped, with a note.
    pub(super) fn read(options: &Arc<ProjectOptions>, urls: &InvokeUrls) -> Result<Self, Failure> {
        let template_options = Options {
            parameters: options.parameter_overrides.iter().cloned().collect(),
            stage: options.stage.clone(),
            region: options.region.clone(),
            ..Options::default()
        };
        let here = Path::new("");
        let path = match &options.template {
            Some(path) => Some(path.clone()),
            None => cloud_assembly::default_template(here)?,
        };
        if path.is_none() && options.program.is_empty() && urls.is_empty() {
            let fix = match cloud_assembly::is_unsynthesized(here) {
                true => "run `cdk synth`, which writes the template of the CDK app",
                false => "choose a template with --template",
            };
            return Err(Failure::new(format!(
                "there is no {DEFAULT_TEMPLATE} here: {fix}, or pass a program after `--`, such as `lambda-ws-local -- \
                 cargo run`"
            )));
        }
        let mut template = match path {
            None => Template::parse(
                include_str!("default.yaml"),
                Path::new(DEFAULT_TEMPLATE),
                &template_options,
            )?,
            Some(path) => Template::read(&path, &template_options)?,
        };
        let extra = options.env.read(|name| std::env::var(name).ok())?;
        code::find_assets(&mut template);
        code::replace_assets(&mut template);
        code::leave_out(&mut template, |function| {
            urls.includes(function) || options.function.as_ref() == Some(&function.logical_id)
        });
        let this = Self {
            options: options.clone(),
            template,
            extra,
        };
        this.check()?;
        Ok(this)
    }

    fn check(&self) -> Result<(), Failure> {
        let functions = self.functions();
        let mut routes = self.template.apis.iter().flat_map(|api| &api.routes);
        let is_mock = |route: &Route| matches!(route.integration, Integration::Mock(_));
        if functions.is_empty() && !routes.any(is_mock) {
            let path = self.template.path.display();
            let warnings = self.template.notes.iter().filter(|note| note.is_warning);
            let why: String = warnings
                .map(|warning| format!("\n{path}: {warning}"))
                .collect();
            return Err(Failure::new(format!(
                "{path} contains no function to run{why}"
            )));
        }
        let names: Vec<_> = functions.iter().map(|f| f.logical_id.as_str()).collect();
        let names = names.join(", ");
        match &self.options.function {
            Some(name) if !functions.iter().any(|f| f.logical_id == *name) => Err(Failure::new(
                format!("the template has no function `{name}`: expected one of {names}"),
            )),
            None if !self.options.program.is_empty()
                && functions.len() > 1
                && !functions.iter().all(|f| f.shares_program(&functions[0])) =>
            {
                Err(Failure::new(format!(
                    "choose the function of the program with --function: {names}"
                )))
            }
            _ => Ok(()),
        }
    }

    pub(super) fn options(&self) -> &Arc<ProjectOptions> {
        &self.options
    }

    pub(super) fn template(&self) -> &Template {
        &self.template
    }

    pub(super) fn report_notes(&self, reporter: &Reporter) {
        let path = self.template.path.display();
        for note in &self.template.notes {
            match note.is_warning {
                true => reporter.warning(format!("{path}: {note}")),
                false => reporter.note(format!("{path}: {note}")),
            }
        }
    }

    pub(super) fn api(&self) -> Result<&Api, Failure> {
        match self.template.apis.as_slice() {
            [api] => Ok(api),
            [] => Err(Failure::new(format!(
                "{} contains no WebSocket API: add an `AWS::Serverless::WebSocketApi`",
                self.template.path.display()
            ))),
            [_, second, ..] => Err(Failure::new(format!(
                "{}: a second WebSocket API is not supported: remove one",
                self.place(second.line)
            ))),
        }
    }

    /// Returns the position of a part: the path and the line, or only the path of another stack's part.
    fn place(&self, line: usize) -> String {
        let path = self.template.path.display();
        match line {
            0 => path.to_string(),
            line => format!("{path}:{line}"),
        }
    }

    pub(super) fn functions(&self) -> &[Function] {
        &self.template.functions
    }

    /// Returns the program of a function on the command line. It is also the program of the functions that share
    /// it, such as the function of follow-up tasks.
    pub(super) fn given(&self, function: &Function) -> Option<(&OsString, &[OsString])> {
        let is_chosen = match &self.options.function {
            Some(name) if *name != function.logical_id => {
                let mut all = self.functions().iter();
                let chosen = all.find(|other| other.logical_id == *name);
                chosen.is_some_and(|chosen| chosen.shares_program(function))
            }
            _ => true,
        };
        let (program, args) = self.options.program.split_first()?;
        is_chosen.then_some((program, args))
    }

    /// Returns the program of a function, and builds it if necessary.
    pub(super) async fn program(&self, function: &Function) -> Result<Program, Failure> {
        if let Some((program, args)) = self.given(function) {
            return Ok(Program {
                program: program.clone(),
                args: args.to_vec(),
                current_dir: None,
            });
        }
        match &function.build {
            Build::RustCargoLambda { binary } if code::is_built_by_cargo(function) => {
                let release = self.options.release;
                let program = cargo::build(&function.code, binary.as_deref(), release);
                Ok(Program {
                    program: program.await?.into(),
                    ..Program::default()
                })
            }
            _ => code::bootstrap(function).map_err(|why| {
                let fixes = code::fixes(function, !self.options.program.is_empty());
                Failure::new(format!(
                    "{}: function {} cannot run here: {why}; {fixes}",
                    self.place(function.line),
                    code::title(function),
                ))
            }),
        }
    }

    pub(super) fn config(
        &self,
        function: &Function,
        program: Program,
        endpoints: &Endpoints,
    ) -> Config {
        let cargo = Path::new(&program.program)
            .file_stem()
            .is_some_and(|n| n == "cargo");
        let mut config = Config::new(&function.name, program);
        let mut chosen = function.environment.clone();
        chosen.extend(self.extra.clone());
        config.environment = self.environment(function, &chosen, cargo, endpoints);
        config.arn = format!(
            "arn:aws:lambda:{}:000000000000:function:{}",
            self.options.region, function.name
        );
        config.timeout = function.timeout;
        config.concurrency = self.options.concurrency.max(1);
        config.process_concurrency = self.options.process_concurrency;
        if cargo {
            config.init_timeout = CARGO_INIT;
        }
        config
    }

    /// Returns the printable environment of a function that another program runs. It omits values of the command line,
    /// which may be secrets.
    pub(super) fn remote_environment(
        &self,
        function: &Function,
        endpoints: &Endpoints,
    ) -> BTreeMap<String, String> {
        let all = self.environment(function, &function.environment, false, endpoints);
        for_others(&function.environment, &all)
    }

    /// Returns the environment of a function with the variables of the command line.
    fn environment(
        &self,
        function: &Function,
        chosen: &BTreeMap<String, String>,
        cargo: bool,
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
            region: &self.options.region,
            access_key_id: &self.options.access_key_id,
            secret_access_key: &self.options.secret_access_key,
            management_url: &endpoints.management,
            dynamodb_url: Some(&endpoints.dynamodb),
            lambda_url: endpoints.lambda.as_deref(),
        };
        variables(&setup, |name| std::env::var(name).ok())
    }

    pub(super) async fn dynamodb(&self) -> Result<DynamoDb, Failure> {
        let dynamodb = match &self.options.data {
            Some(path) => DynamoDb::open(path)?,
            None => DynamoDb::memory()?,
        };
        for table in &self.template.tables {
            let ttl = table.ttl_attribute.as_deref();
            let created = dynamodb.create_table(table.create.clone(), ttl).await;
            created.map_err(|error| {
                Failure::because(&format!("{}: table", self.place(table.line)), error)
            })?;
        }
        Ok(dynamodb)
    }
}

/// The URLs of the services that the function uses.
#[derive(Clone)]
pub(super) struct Endpoints {
    pub(super) management: String,
    pub(super) dynamodb: String,
    /// `None` if functions cannot invoke each other.
    pub(super) lambda: Option<String>,
}
