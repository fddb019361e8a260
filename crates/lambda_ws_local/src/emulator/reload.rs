//! Rebuilds and restarts a program when its sources change. Clients stay connected.

use super::failure::Failure;
use super::functions::Functions;
use super::project::{Endpoints, Project};
use super::report::{Notice, Reporter};
use super::sources::Sources;
use super::watch::{Changes, Watch};
use super::{Options, code};
use crate::function::Program;
use crate::template::{Api, Function, Template};
use std::collections::{BTreeSet, HashMap};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Instant, SystemTime};

pub(super) struct Watched {
    watch: Watch,
    template: Option<PathBuf>,
    /// The sources of each function, by its logical id.
    sources: HashMap<String, Sources>,
    chosen: Vec<PathBuf>,
}

/// The restart of functions when their sources or the template change.
pub(super) struct Reload {
    pub(super) options: Arc<Options>,
    pub(super) reporter: Reporter,
    pub(super) project: Project,
    pub(super) functions: Functions,
    pub(super) programs: HashMap<String, Program>,
    pub(super) endpoints: Endpoints,
    pub(super) watched: Watched,
}

/// The modification time and size of a built program.
type Version = Option<(SystemTime, u64)>;

impl Watched {
    /// Starts to watch the sources of a project, and the `chosen` files.
    pub(super) async fn start(
        project: &Project,
        chosen: &[PathBuf],
        reporter: &Reporter,
    ) -> Option<Watched> {
        let watch = match Watch::start() {
            Ok(watch) => watch,
            Err(error) => {
                unwatched(reporter, &error.to_string());
                return None;
            }
        };
        let template = project.template().path.canonicalize().ok();
        let mut this = Watched {
            watch,
            template,
            sources: HashMap::new(),
            chosen: chosen.to_owned(),
        };
        for function in project.functions() {
            this.look(project, function, reporter).await;
        }
        let folder = this.template.as_deref().and_then(Path::parent);
        let folder = folder.map(Path::to_owned);
        if let Err(error) = this.watch.add(&folder) {
            unwatched(reporter, &error.to_string());
        }
        Some(this)
    }

    /// Determines the sources of a function and watches them.
    async fn look(&mut self, project: &Project, function: &Function, reporter: &Reporter) {
        let sources = match project.given(function) {
            Some((program, args)) if is_cargo_run(program, args) => {
                let folder = manifest_folder(args);
                let crates = Sources::of_crates(&folder).await;
                crates.map(|sources| sources.and(&self.chosen))
            }
            Some((program, args)) => Ok(Sources::of_program(program, args, &self.chosen)),
            None if code::is_built_by_cargo(function) => {
                let crates = Sources::of_crates(&function.code).await;
                crates.map(|sources| sources.and(&self.chosen))
            }
            // Another tool builds the program.
            None => return,
        };
        let added = sources.and_then(|sources| {
            let directories = sources.directories();
            self.sources.insert(function.logical_id.clone(), sources);
            Ok(self.watch.add(&directories)?)
        });
        if let Err(failure) = added {
            unwatched(reporter, failure.text());
        }
    }

    /// Waits for changes. Returns the changed functions, a text that names the files, and whether the template changed.
    async fn changes(&mut self) -> (BTreeSet<String>, String, bool) {
        let Watched {
            watch,
            template,
            sources,
            ..
        } = self;
        let of = |path: &Path| {
            let of = sources.iter().filter(|(_, sources)| sources.matters(path));
            of.map(|(id, _)| id.clone()).collect::<BTreeSet<_>>()
        };
        loop {
            let matters = |path: &Path| {
                template.as_deref() == Some(path) || !of(path).is_empty() || path.is_dir()
            };
            let mut paths = match watch.changes(matters).await {
                Changes::Anything => {
                    let all = sources.keys().cloned().collect();
                    return (all, "many files".to_owned(), template.is_some());
                }
                Changes::These(paths) => paths,
            };
            // New directories may contain files that changed before the watch.
            let directories: BTreeSet<_> = paths.iter().filter(|path| path.is_dir()).collect();
            let below = directories.iter().flat_map(|directory| {
                let all = sources.values();
                all.flat_map(|sources| sources.below(directory))
            });
            let below: BTreeSet<PathBuf> = below.collect();
            // Directories that cannot be watched were reported at the start.
            let _ = watch.add(&below);
            for directory in &below {
                let entries = std::fs::read_dir(directory).into_iter().flatten();
                paths.extend(entries.flatten().map(|entry| entry.path()));
            }
            let is_template = template.as_ref().is_some_and(|path| paths.contains(path));
            let changed: Vec<_> = paths.iter().filter(|path| !of(path).is_empty()).collect();
            let functions: BTreeSet<_> = changed.iter().flat_map(|path| of(path)).collect();
            if is_template || !functions.is_empty() {
                let first = changed.first().copied().or(template.as_ref());
                let here = std::env::current_dir().and_then(|here| here.canonicalize());
                let name = first.map_or(Path::new(""), |path| match &here {
                    Ok(here) => path.strip_prefix(here).unwrap_or(path),
                    Err(_) => path,
                });
                let name = match changed.len() {
                    0 | 1 => name.display().to_string(),
                    n => format!("{} and {} more", name.display(), n - 1),
                };
                return (functions, name, is_template);
            }
        }
    }
}

impl Reload {
    /// Reloads until the future is dropped.
    pub(super) async fn run(mut self) {
        let served = self.project.template().clone();
        let mut versions = HashMap::new();
        for (id, program) in &self.programs {
            versions.insert(id.clone(), version(program));
        }
        self.watched.watch.forget(is_lock);
        loop {
            let (mut functions, name, template) = self.watched.changes().await;
            let mut configured = BTreeSet::new();
            if template {
                configured = self.template(&served);
                functions.extend(configured.iter().cloned());
            }
            for id in functions {
                self.function(&id, &name, configured.contains(&id), &mut versions)
                    .await;
            }
            self.watched.watch.forget(is_lock);
        }
    }

    /// Builds and restarts a function, unless its program and its configuration are unchanged.
    async fn function(
        &mut self,
        id: &str,
        changed: &str,
        configured: bool,
        versions: &mut HashMap<String, Version>,
    ) {
        let project = &self.project;
        let found = project.functions().iter().find(|f| f.logical_id == id);
        let (Some(function), Some(handle)) = (found, self.functions.get(id)) else {
            return;
        };
        if !self.programs.contains_key(id) {
            return;
        }
        self.reporter.report(Notice::Reloading {
            function: &function.name,
            changed,
        });
        let begun = Instant::now();
        let old = versions.get(id).copied().flatten();
        let replaced = async {
            let program = project.program(function).await?;
            let new = version(&program);
            let is_built = project.given(function).is_none();
            if is_built && new.is_some() && new == old && !configured {
                return Ok((new, false));
            }
            let config = project.config(function, program, &self.endpoints);
            handle.replace(config).await?;
            Ok::<_, Failure>((new, true))
        };
        match replaced.await {
            Ok((new, differs)) => {
                versions.insert(id.to_owned(), new);
                self.reporter.report(Notice::Reloaded {
                    function: &function.name,
                    differs,
                    time: begun.elapsed(),
                });
            }
            Err(failure) => self.reporter.report(Notice::ReloadFailed {
                subject: &function.name,
                kept: "program",
                reason: failure.text(),
            }),
        }
        // The build may have changed the crates.
        self.watched.look(project, function, &self.reporter).await;
    }

    /// Reads the template again, and returns the functions with a changed configuration.
    fn template(&mut self, served: &Template) -> BTreeSet<String> {
        let next = match Project::read(self.project.options(), &self.options.invoke_urls) {
            Ok(next) => next,
            Err(failure) => {
                self.reporter.report(Notice::ReloadFailed {
                    subject: "template",
                    kept: "template",
                    reason: failure.text(),
                });
                return BTreeSet::new();
            }
        };
        let restart = only_by_restart(served, next.template());
        if !restart.is_empty() {
            let path = served.path.display();
            let what = restart.join(", ");
            self.reporter
                .note(format!("{path} changed: restart to apply {what}"));
        }
        let was = |id: &str| {
            let mut functions = self.project.functions().iter();
            functions
                .find(|function| function.logical_id == id)
                .cloned()
        };
        let changed = next.functions().iter().filter(|function| {
            was(&function.logical_id).is_some_and(|was| was != on_line(function, was.line))
        });
        let changed = changed.map(|function| function.logical_id.clone());
        let changed = changed.collect();
        self.project = next;
        changed
    }
}

/// Returns the names of the changed parts that need a restart of the gateway.
fn only_by_restart(served: &Template, next: &Template) -> Vec<&'static str> {
    let mut names = Vec::new();
    let mut differs = |name, differs: bool| {
        if differs {
            names.push(name);
        }
    };
    let routes = |api: &Api| {
        let mut routes = api.routes.clone();
        for route in &mut routes {
            route.line = 0;
        }
        routes
    };
    match (served.apis.as_slice(), next.apis.as_slice()) {
        ([was], [is]) => {
            differs("routes", routes(was) != routes(is));
            let (old, new) = (
                &was.route_selection_expression,
                &is.route_selection_expression,
            );
            differs("the route selection expression", old != new);
            differs("the stage", was.stage != is.stage || was.id != is.id);
            let variables = was.stage_variables != is.stage_variables;
            differs("stage variables", variables);
        }
        (was, is) => differs("APIs", was.len() != is.len()),
    }
    let tables = |template: &Template| {
        let mut tables = template.tables.clone();
        for table in &mut tables {
            table.line = 0;
        }
        tables
    };
    differs("tables", tables(served) != tables(next));
    let names_of = |template: &Template| {
        let ids = template.functions.iter().map(|f| f.logical_id.clone());
        ids.collect::<BTreeSet<_>>()
    };
    differs("functions", names_of(served) != names_of(next));
    names
}

/// Returns the function on another line of its template.
fn on_line(function: &Function, line: usize) -> Function {
    Function {
        line,
        ..function.clone()
    }
}

fn unwatched(reporter: &Reporter, why: &str) {
    reporter.note(format!("some changes are not detected: {why}"));
}

fn is_lock(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name == "Cargo.lock")
}

fn version(program: &Program) -> Version {
    let metadata = Path::new(&program.program).metadata().ok()?;
    Some((metadata.modified().ok()?, metadata.len()))
}

fn is_cargo_run(program: &OsString, args: &[OsString]) -> bool {
    let is_cargo = Path::new(program).file_stem().is_some_and(|n| n == "cargo");
    is_cargo && args.iter().any(|arg| arg == "run" || arg == "r")
}

/// Returns the folder where `cargo run` finds its manifest.
fn manifest_folder(args: &[OsString]) -> PathBuf {
    let mut args = args.iter();
    let mut manifest = None;
    while let Some(arg) = args.next() {
        if arg == "--" {
            break;
        }
        if arg == "--manifest-path" {
            manifest = args.next().map(PathBuf::from);
        } else if let Some(path) = arg
            .to_str()
            .and_then(|a| a.strip_prefix("--manifest-path="))
        {
            manifest = Some(path.into());
        }
    }
    let folder = manifest.as_deref().and_then(Path::parent);
    let folder = folder.filter(|folder| !folder.as_os_str().is_empty());
    folder.unwrap_or(Path::new(".")).to_owned()
}

#[cfg(test)]
mod tests;
