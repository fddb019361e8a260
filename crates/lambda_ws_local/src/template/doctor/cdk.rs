//! Findings in templates that the CDK synthesized: they name constructs instead of logical ids, and their fixes are code of
//! a CDK app.

use super::finding::Finding;
use crate::template::syntax::Node;
use crate::template::transform::Resource;

/// The ids of the resources inside constructs of aws-cdk-lib, which an app does not contain.
const INNER: [&str; 2] = ["/Resource", "/Default"];

/// Whether a resource belongs to a construct with methods, such as `WebSocketApi`. The others are `Cfn` constructs.
pub(super) fn has_methods(resource: &Resource) -> bool {
    let path = resource.construct();
    path.is_some_and(|path| INNER.iter().any(|inner| path.ends_with(inner)))
}

/// Changes the findings of a synthesized template into the terms of the CDK.
pub(super) fn translate(findings: &mut [Finding], root: &Node) {
    let constructs = root.entries_of("Resources").iter().filter_map(|one| {
        let path = one.value.entry("Metadata")?.text_of("aws:cdk:path")?;
        Some((format!("`{}`", one.key), shown(path)))
    });
    let constructs: Vec<_> = constructs.collect();
    for finding in findings {
        let own = finding.cdk_fix.take();
        if constructs.is_empty() {
            continue;
        }
        finding.fix = own.unwrap_or_else(|| finding.fix.clone());
        for text in [&mut finding.what, &mut finding.effect, &mut finding.fix] {
            for (id, construct) in &constructs {
                if text.contains(id) {
                    *text = text.replace(id, construct);
                }
            }
        }
    }
}

/// Returns the path of a construct in an app.
fn shown(path: &str) -> String {
    let mut paths = INNER.iter().filter_map(|inner| path.strip_suffix(inner));
    format!("`{}`", paths.next().unwrap_or(path))
}
