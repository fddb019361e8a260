//! How the code of a function is packaged.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::template::evaluate::Properties;
use crate::template::resources::function;
use crate::template::syntax::{Node, Problem};
use crate::template::transform::Resource;

/// Where CDK says which folder of its output an asset is.
const CDK_ASSET: &str = "aws:asset:path";

/// How the code of a function is packaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Package {
    /// A folder or a file of this project: [`Function::code`](super::Function::code).
    Local,
    /// An archive in S3, or a place that only AWS knows.
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

/// The package of a function, and the path of its code. The path is the template's folder if the code is not in this project.
pub(crate) fn read(
    resource: &Resource,
    properties: &Properties<'_, '_>,
    folder: &Path,
) -> Result<(Package, PathBuf), Problem> {
    let has = |name| properties.keys().any(|(key, _)| key == name);
    let elsewhere = |package| Ok((package, folder.to_owned()));
    if has("ImageUri") || properties.text("PackageType")?.as_deref() == Some("Image") {
        return elsewhere(Package::Image);
    }
    let asset = resource.metadata.entry(CDK_ASSET).and_then(Node::as_text);
    // CDK zips a folder when it deploys; a file is an archive already.
    if let Some(asset) = asset.filter(|asset| !asset.ends_with(".zip") && !asset.ends_with(".jar"))
    {
        return Ok((Package::Local, folder.join(asset)));
    }
    if has("InlineCode") {
        return elsewhere(Package::Inline);
    }
    let property = match &*resource.kind {
        function::SERVERLESS => "CodeUri",
        _ => "Code",
    };
    let value = match properties.value(property) {
        Ok(value) => value,
        Err(problem) if problem.is_local_only() => return elsewhere(Package::Bucket),
        Err(problem) => return Err(problem),
    };
    let Some(value) = value else {
        // Both SAM and `aws cloudformation package` take the template's folder.
        return Ok((Package::Local, folder.to_owned()));
    };
    if let Some(path) = value.as_text() {
        return match path.starts_with("s3://") || path.starts_with("https://") {
            true => elsewhere(Package::Bucket),
            false => Ok((Package::Local, folder.join(path))),
        };
    }
    let has = |name| value.entry(name).is_some();
    if has("ZipFile") {
        return elsewhere(Package::Inline);
    }
    if has("ImageUri") {
        return elsewhere(Package::Image);
    }
    if has("S3Key") || has("Key") {
        return elsewhere(Package::Bucket);
    }
    let text = format!(
        "`{property}` of {} is {} without a place of the code; write a path, as in `{property}: .`",
        properties.owner,
        value.kind()
    );
    Err(Problem::new(value.line, text))
}
