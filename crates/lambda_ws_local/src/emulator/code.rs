//! The code of a function on this machine: where it is, and whether it can run.

use crate::function::Program;
use crate::template::{Build, Function, Note, Package, Template};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// Where `cdk synth` writes its assets, from the folder of the app.
const CDK_OUT: &str = "cdk.out";

/// Whether cargo makes the program of a function. In the output of `sam build` it is made already.
pub(super) fn is_built_by_cargo(function: &Function) -> bool {
    let is_built = || {
        let has = |name| function.code.join(name).is_file();
        has("bootstrap") && !has("Cargo.toml")
    };
    matches!(function.build, Build::RustCargoLambda { .. })
        && function.package == Package::Local
        && !is_built()
}

/// The program of a function that speaks the Runtime API itself: the file that Lambda runs. The error is why there is none.
pub(super) fn bootstrap(function: &Function) -> Result<Program, String> {
    if function.package != Package::Local {
        return Err(format!("its code is {}", function.package));
    }
    if !function.runtime.starts_with("provided") {
        return Err(format!("nothing here runs `{}`", function.runtime));
    }
    let folder = function.code.canonicalize();
    let folder = folder.map_err(|_| format!("there is no {}", function.code.display()))?;
    let program = folder.join("bootstrap");
    let Ok(file) = program.metadata() else {
        return Err(format!("{} has no `bootstrap`", function.code.display()));
    };
    if !file.is_file() || file.permissions().mode() & 0o111 == 0 {
        return Err(format!("{} is not executable", program.display()));
    }
    Ok(Program {
        program: program.into(),
        current_dir: Some(folder),
        ..Program::default()
    })
}

/// What a function is called: its logical id, and the construct of CDK that it was made of.
pub(super) fn title(function: &Function) -> String {
    let id = &function.logical_id;
    match &function.construct {
        Some(construct) => format!("`{id}` ({construct})"),
        None => format!("`{id}`"),
    }
}

/// What makes a function run that has no program. `taken` says that another function is the program after `--`.
pub(super) fn fixes(function: &Function, taken: bool) -> String {
    let mut fixes = Vec::new();
    let id = &function.logical_id;
    if function.package == Package::Local && function.runtime.starts_with("provided") {
        let folder = function.code.display();
        fixes.push(format!("put an executable `bootstrap` into {folder}"));
    }
    if !taken {
        fixes.push(format!(
            "give a program that speaks the Lambda Runtime API, with --function {id} -- PROGRAM"
        ));
    }
    fixes.push(format!(
        "run it with another tool, such as `sam local start-lambda --port 3002`, and say where with \
         --invoke-url {id}=http://127.0.0.1:3002"
    ));
    fixes.join(", or ")
}

/// Finds the assets of a template that `cdk synth` has printed: they are in the folder of its output.
pub(super) fn find_assets(template: &mut Template) {
    let folder = template.path.parent().unwrap_or(Path::new(""));
    for function in &mut template.functions {
        let Ok(inside) = function.code.strip_prefix(folder) else {
            continue;
        };
        let asset = folder.join(CDK_OUT).join(inside);
        let is_asset = inside.to_string_lossy().starts_with("asset.");
        if is_asset && !function.code.exists() && asset.exists() {
            function.code = asset;
        }
    }
}

/// Leaves out the functions that no route uses and that cannot run, unless they are `chosen`.
pub(super) fn leave_out(template: &mut Template, chosen: impl Fn(&Function) -> bool) {
    let routes = template.apis.iter().flat_map(|api| &api.routes);
    let routed: Vec<_> = routes.flat_map(|route| route.functions()).collect();
    if routed.is_empty() {
        return;
    }
    let why = |function: &Function| {
        let is_used = routed.contains(&&*function.logical_id) || chosen(function);
        let runs = is_used || is_built_by_cargo(function);
        (!runs).then(|| bootstrap(function).err()).flatten()
    };
    let (mut kept, mut notes) = (Vec::new(), Vec::new());
    for function in &template.functions {
        let Some(why) = why(function) else {
            kept.push(function.clone());
            continue;
        };
        let title = title(function);
        let text = format!("function {title}, which no route uses, is left out: {why}");
        notes.push(Note::new(function.line, text));
    }
    template.functions = kept;
    template.notes.extend(notes);
    template.notes.sort();
}

#[cfg(test)]
mod tests;
