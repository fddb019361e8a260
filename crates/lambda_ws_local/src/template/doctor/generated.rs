//! Values of aliases and versions, and of the roles and aliases that SAM generates for functions.

use super::super::function::{self, SERVERLESS};
use super::super::resource::Resource;
use super::super::scope::Scope;
use super::called;

/// Gives them to the scope, so that an integration behind an alias is examined as any other.
pub(super) fn set(scope: &Scope<'_>) {
    let (region, account) = (&scope.options.region, &scope.options.account);
    let text = |resource: &Resource, name: &str| {
        let node = resource.properties.entry(name)?;
        scope.text(node).ok()
    };
    let arn = |name: &str, qualifier: &str| {
        format!("arn:aws:lambda:{region}:{account}:function:{name}:{qualifier}")
    };
    for version in scope.of_kind("AWS::Lambda::Version") {
        if let Some(of) = text(version, "FunctionName") {
            let (id, line) = (&version.id, version.line);
            // Its number is not known, but no other version has it.
            scope.set(format!("Ref {id}"), &arn(called::parse(&of).0, id), line);
            scope.set(format!("GetAtt {id}.Version"), id, line);
        }
    }
    for alias in scope.of_kind("AWS::Lambda::Alias") {
        if let (Some(of), Some(name)) = (text(alias, "FunctionName"), text(alias, "Name")) {
            let arn = arn(called::parse(&of).0, &name);
            scope.set(format!("Ref {}", alias.id), &arn, alias.line);
        }
    }
    for function in scope.of_kind(SERVERLESS) {
        let (id, line) = (&function.id, function.line);
        let name = function::name(scope, function).unwrap_or_else(|_| id.clone());
        if let Some(alias) = text(function, "AutoPublishAlias") {
            let arn = arn(&name, &alias);
            scope.set(format!("Ref {id}Alias{alias}"), &arn, line);
            scope.set(format!("Ref {id}.Alias"), &arn, line);
            scope.set(format!("GetAtt {id}.Alias"), &arn, line);
        }
        if function.properties.entry("Role").is_none() {
            let role = format!("{id}Role");
            let arn = format!("arn:aws:iam::{account}:role/{role}");
            scope.set(format!("Ref {role}"), &role, line);
            scope.set(format!("GetAtt {role}.Arn"), &arn, line);
        }
    }
}
