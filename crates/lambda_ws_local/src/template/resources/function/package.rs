//! The package of a function's code, and its build method.

use crate::template::evaluate::{Evaluator, Properties};
use crate::template::syntax::{Node, Problem};
use crate::template::transform::{Resource, resource_type};
use std::fmt;
use std::path::{Path, PathBuf};

/// The metadata with the folder of a CDK asset.
const CDK_ASSET: &str = "aws:asset:path";

/// The package of a function's code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Package {
    /// A folder or a file of this project: [`Function::code`](crate::template::Function::code).
    Local,
    /// An archive in S3, or a location that only AWS knows.
    Bucket,
    /// Source code in the template itself: `InlineCode` or `ZipFile`.
    Inline,
    /// A container image.
    Image,
}

/// As in "the code of function `Chat` is an archive in S3".
impl fmt::Display for Package {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Local => "in this project",
            Self::Bucket => "an archive in S3",
            Self::Inline => "written in the template",
            Self::Image => "a container image",
        })
    }
}

/// Reads the package of a function and the path of its code: the template's folder if the code is not in this project.
pub(crate) fn read(
    resource: &Resource,
    properties: &Properties<'_>,
    folder: &Path,
) -> Result<(Package, PathBuf), Problem> {
    let has = |name| properties.keys().any(|(key, _)| key == name);
    let remote = |package| Ok((package, folder.to_owned()));
    if has("ImageUri") || properties.text("PackageType")?.as_deref() == Some("Image") {
        return remote(Package::Image);
    }
    let asset = resource.metadata.entry(CDK_ASSET).and_then(Node::as_text);
    // CDK archives a folder during a deployment. A file is already an archive.
    if let Some(asset) = asset.filter(|asset| !asset.ends_with(".zip") && !asset.ends_with(".jar"))
    {
        return Ok((Package::Local, folder.join(asset)));
    }
    if has("InlineCode") {
        return remote(Package::Inline);
    }
    let property = match &*resource.resource_type {
        resource_type::SAM_FUNCTION => "CodeUri",
        _ => "Code",
    };
    let value = match properties.value(property) {
        Ok(value) => value,
        Err(problem) if problem.is_local_only() => return remote(Package::Bucket),
        Err(problem) => return Err(problem),
    };
    let Some(value) = value else {
        // Both SAM and `aws cloudformation package` use the folder of the template.
        return Ok((Package::Local, folder.to_owned()));
    };
    if let Some(path) = value.as_text() {
        return match path.starts_with("s3://") || path.starts_with("https://") {
            true => remote(Package::Bucket),
            false => Ok((Package::Local, folder.join(path))),
        };
    }
    let has = |name| value.entry(name).is_some();
    if has("ZipFile") {
        return remote(Package::Inline);
    }
    if has("ImageUri") {
        return remote(Package::Image);
    }
    if has("S3Key") || has("Key") {
        return remote(Package::Bucket);
    }
    let text = format!(
        "`{property}` of {} is {} without the location of the code; write a path, such as `{property}: .`",
        properties.owner,
        value.kind()
    );
    Err(value.problem(text))
}

/// The method with which `sam build` builds the program of a function, from the function's `Metadata`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Build {
    /// `BuildMethod: rust-cargolambda`: `cargo lambda build` in the folder of the code.
    RustCargoLambda {
        /// `BuildProperties.Binary`, the only property that SAM supports: the program in a workspace with several
        /// binaries. `None` if the package has only one.
        binary: Option<String>,
    },
    /// Any other `BuildMethod`; `None` if the code is already built, or if SAM builds it by its runtime.
    Other(Option<String>),
}

/// Reads the build method of a function.
pub(crate) fn build(evaluator: &Evaluator<'_>, resource: &Resource) -> Result<Build, Problem> {
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
