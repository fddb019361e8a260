use crate::template::evaluate::{Evaluator, Properties};
use crate::template::syntax::Problem;
use crate::template::transform::Resource;

/// How `sam build` makes a function's program: the function's `Metadata`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Build {
    /// `BuildMethod: rust-cargolambda`: `cargo lambda build` in the folder of the code.
    RustCargoLambda {
        /// `BuildProperties.Binary`, the only property that SAM hands on: the binary of the workspace that is the program.
        /// `None` if the package has just one.
        binary: Option<String>,
    },
    /// Any other `BuildMethod`; `None` if the code is the program already, or SAM builds it by its runtime.
    Other(Option<String>),
}

pub(crate) fn read(evaluator: &Evaluator<'_>, resource: &Resource) -> Result<Build, Problem> {
    let metadata = Properties::new(
        evaluator,
        &resource.metadata,
        format!("the metadata of function `{}`", resource.id),
    )?;
    match metadata.text("BuildMethod")? {
        Some(method) if method == "rust-cargolambda" => {
            let binary = metadata.map("BuildProperties")?.text("Binary")?;
            Ok(Build::RustCargoLambda { binary })
        }
        other => Ok(Build::Other(other)),
    }
}
