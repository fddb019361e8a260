//! The code of a function on this machine.

use super::cloud_assembly::CDK_OUT;
use crate::function::Program;
use crate::template::cdk_asset;
use crate::template::{Build, Function, Note, Package, Template};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// Whether cargo builds the program of a function. The output of `sam build` already contains it.
pub(super) fn is_built_by_cargo(function: &Function) -> bool {
    let is_built = || {
        let has = |name| function.code.join(name).is_file();
        has("bootstrap") && !has("Cargo.toml")
    };
    matches!(function.build, Build::RustCargoLambda { .. })
        && function.package == Package::Local
        && !is_built()
}

/// Returns the program of a function that implements the Runtime API itself: the file that Lambda runs. The error is
/// the reason why there is none.
pub(super) fn bootstrap(function: &Function) -> Result<Program, String> {
    if function.package != Package::Local {
        return Err(format!("its code is {}", function.package));
    }
    if !function.runtime.starts_with("provided") {
        return Err(format!(
            "the runtime `{}` is not available here",
            function.runtime
        ));
    }
    let folder = function.code.canonicalize();
    let folder = folder.map_err(|_| format!("{} does not exist", function.code.display()))?;
    let program = folder.join("bootstrap");
    let Ok(file) = program.metadata() else {
        return Err(format!(
            "{} contains no `bootstrap`",
            function.code.display()
        ));
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

/// Returns the name of a function in messages: its logical id, and its CDK construct, if any.
pub(super) fn title(function: &Function) -> String {
    let id = &function.logical_id;
    match &function.construct {
        Some(construct) => format!("`{id}` ({construct})"),
        None => format!("`{id}`"),
    }
}

/// Returns the possible fixes for a function without a program. `taken` means that the program after `--` is another
/// function.
pub(super) fn fixes(function: &Function, taken: bool) -> String {
    let mut fixes = Vec::new();
    let id = &function.logical_id;
    if function.package == Package::Local && function.runtime.starts_with("provided") {
        let folder = function.code.display();
        fixes.push(format!("put an executable `bootstrap` into {folder}"));
    }
    if !taken {
        fixes.push(format!(
            "pass a program that implements the Lambda Runtime API with --function {id} -- PROGRAM"
        ));
    }
    fixes.push(format!(
        "run it with another tool, such as `sam local start-lambda --port 3002`, and pass its URL with \
         --invoke-url {id}=http://127.0.0.1:3002"
    ));
    fixes.join(", or ")
}

/// Finds the assets of a template that `cdk synth` has printed. They are in its output folder.
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

/// Replaces the assets of CDK that cargo-lambda built by the cargo packages of their programs, so that cargo builds them for
/// this machine.
pub(super) fn replace_assets(template: &mut Template) {
    for function in &mut template.functions {
        let is_asset = function.package == Package::Local && cdk_asset::is_asset(&function.code);
        if !is_asset || !function.runtime.starts_with("provided") {
            continue;
        }
        if matches!(function.build, Build::RustCargoLambda { .. }) {
            let above = cdk_asset::manifest_above(&function.code);
            function.code = above.unwrap_or_else(|| function.code.clone());
            continue;
        }
        match cdk_asset::program(&function.code) {
            cdk_asset::Program::Built(program) => {
                function.code = program.folder;
                let binary = Some(program.binary);
                function.build = Build::RustCargoLambda { binary };
            }
            cdk_asset::Program::Ambiguous(binaries) => {
                let text = format!(
                    "the program of function {} runs from its asset, because it can be any of the binaries {}; to build \
                     it with cargo, run `cdk synth` again, or add the metadata `BuildMethod: rust-cargolambda` and \
                     `BuildProperties: {{ Binary: NAME }}` to its `CfnFunction`",
                    title(function),
                    binaries.join(", ")
                );
                template.notes.push(Note::warning(function.line, text));
            }
            cdk_asset::Program::Other => {}
        }
    }
    template.notes.sort();
}

/// Removes the functions that no route uses and that cannot run, unless they are `chosen`.
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
        let text = format!("skipped function {title}, which no route uses: {why}");
        notes.push(Note::new(function.line, text));
    }
    template.functions = kept;
    template.notes.extend(notes);
    template.notes.sort();
}

#[cfg(test)]
mod tests;
