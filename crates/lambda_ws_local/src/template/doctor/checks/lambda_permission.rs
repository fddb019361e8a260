//! Whether API Gateway may call the functions of routes and authorizers (conformance B9, E7, K10). SAM generates these
//! permissions for its own APIs.

use crate::template::doctor::arn;
use crate::template::doctor::examined_api::Api;
use crate::template::doctor::finding::Found;
use crate::template::doctor::input::Subject;
use crate::template::doctor::invocation_target::{self, Called, Qualifier};
use crate::template::doctor::location::Place;
use crate::template::doctor::references;
use crate::template::evaluate::resource_names;
use crate::template::resources::function;
use crate::template::transform::Resource;

const KIND: &str = "AWS::Lambda::Permission";
const ACTION: &str = "lambda:InvokeFunction";
const PRINCIPAL: &str = "apigateway.amazonaws.com";

/// A route or an authorizer with the function that it calls.
struct Caller<'t, 's> {
    api: &'t Api<'s>,
    function: &'s Resource,
    qualifier: Qualifier,
    /// A phrase for a message: "route `say`".
    name: String,
    /// The paths in the ARNs that it calls with.
    sources: Vec<Source>,
    place: Place,
    effect: &'static str,
}

/// A path in the ARN of a caller: `{api}/{stage}/{route}`, or `{api}/authorizers/{authorizer}`.
struct Source {
    path: String,
    /// Whether the second part of the path is known.
    known: bool,
}

/// A reason why a permission does not cover a caller, with the fix.
struct Fault {
    why: String,
    fix: String,
    of_source: bool,
}

pub(super) fn look(subject: &Subject<'_, '_>) -> Vec<Found> {
    let mut found = Vec::new();
    for api in &subject.apis {
        let mut authorizers: Vec<&str> = Vec::new();
        for route in api.routes.iter().filter(|route| !route.resource.generated) {
            let integration = route.integration.filter(|one| !has(one, "CredentialsArn"));
            if let (
                Some(_),
                Called::Function {
                    function,
                    qualifier,
                },
            ) = (integration, &route.called)
            {
                let caller = Caller {
                    api,
                    function,
                    qualifier: qualifier.clone(),
                    name: format!("route `{}`", route.name()),
                    sources: route
                        .key
                        .as_deref()
                        .map_or(Vec::new(), |key| sources(api, key)),
                    place: Place::of(route.resource, &["RouteKey"]),
                    effect: match route.key.as_deref() {
                        Some("$connect") => "every handshake fails, and the function logs nothing",
                        Some("$disconnect") => {
                            "the function never learns that a client has disconnected"
                        }
                        _ => "clients get `Internal server error`, and the function logs nothing",
                    },
                };
                found.extend(denied(subject, &caller));
            }
            let authorizer = route.authorizer.filter(|one| {
                !one.generated
                    && !has(one, "AuthorizerCredentialsArn")
                    && !authorizers.contains(&&*one.id)
            });
            let Some(authorizer) = authorizer else {
                continue;
            };
            authorizers.push(&authorizer.id);
            if let Called::Function {
                function,
                qualifier,
            } = invocation_target::of_authorizer(subject.scope, authorizer)
            {
                let id = resource_names::short_id(&authorizer.id);
                let caller = Caller {
                    api,
                    function,
                    qualifier,
                    name: format!("authorizer `{}`", authorizer.id),
                    sources: vec![Source {
                        path: format!("{}/authorizers/{id}", api.id),
                        known: true,
                    }],
                    place: Place::of(authorizer, &["AuthorizerUri"]),
                    effect: "every handshake fails with 500",
                };
                found.extend(denied(subject, &caller));
            }
        }
    }
    found
}

/// Whether a property is set: a role that API Gateway assumes needs no permission.
fn has(resource: &Resource, name: &str) -> bool {
    resource
        .properties
        .entry(name)
        .is_some_and(|node| !node.is_null())
}

fn sources(api: &Api<'_>, key: &str) -> Vec<Source> {
    let source = |stage: Option<&str>| Source {
        path: format!("{}/{}/{key}", api.id, stage.unwrap_or("stage")),
        known: stage.is_some(),
    };
    match api.stages.is_empty() {
        true => vec![source(None)],
        false => api
            .stages
            .iter()
            .map(|stage| source(stage.as_deref()))
            .collect(),
    }
}

fn denied(subject: &Subject<'_, '_>, caller: &Caller<'_, '_>) -> Option<Found> {
    let permissions: Vec<_> = subject
        .scope
        .of_kind(KIND)
        .filter_map(|permission| Some((permission, function_of(subject, permission, caller)?)))
        .collect();
    let faults = |source: Option<&Source>| {
        let all = permissions.iter();
        let all = all.filter_map(|(permission, qualifier)| {
            let faults = faults(subject, permission, qualifier, caller, source);
            // A permission that SAM generates for something else cannot be fixed.
            (faults.is_empty() || !permission.generated).then_some(faults)
        });
        // The permission for this source is the one that was meant.
        all.min_by_key(|faults| (faults.iter().any(|one| one.of_source), faults.len()))
    };
    // One permission may cover one stage, and another the next.
    let mut sources: Vec<_> = caller.sources.iter().map(Some).collect();
    if sources.is_empty() {
        sources.push(None);
    }
    let worst = sources
        .into_iter()
        .map(faults)
        .max_by_key(|faults| match faults {
            None => usize::MAX,
            Some(faults) => faults.len(),
        });
    let (id, name) = (&caller.function.id, &caller.name);
    let what = format!("API Gateway may not call `{id}` for {name}");
    let found = match worst? {
        None => {
            let target = match &caller.qualifier {
                Qualifier::Is(qualifier) => reference(subject, caller.function, qualifier),
                _ => format!("!Ref {id}"),
            };
            let fix = format!(
                "add an `{KIND}` with `Action: {ACTION}`, `FunctionName: {target}`, `Principal: {PRINCIPAL}` and `{}`",
                source_arn(caller)
            );
            let what = format!("{what}: no `{KIND}` names the function");
            Found::mistake(caller.place.clone(), what).fix(fix)
        }
        Some(faults) => {
            let fault = faults.first()?;
            let what = format!("{what}: {}", fault.why);
            Found::mistake(caller.place.clone(), what).fix(&*fault.fix)
        }
    };
    Some(found.effect(caller.effect))
}

fn source_arn(caller: &Caller<'_, '_>) -> String {
    format!(
        "SourceArn: !Sub arn:${{AWS::Partition}}:execute-api:${{AWS::Region}}:${{AWS::AccountId}}:{}/*",
        caller.api.reference()
    )
}

/// How a template names an alias or a version of a function.
fn reference(subject: &Subject<'_, '_>, function: &Resource, qualifier: &str) -> String {
    let mut aliases = subject.scope.of_kind("AWS::Lambda::Alias");
    let alias = aliases.find(|alias| subject.text(alias, "Name").as_deref() == Some(qualifier));
    match alias {
        Some(alias) => format!("!Ref {}", alias.id),
        None if subject.text(function, "AutoPublishAlias").as_deref() == Some(qualifier) => {
            format!("!Ref {}.Alias", function.id)
        }
        None => format!("!Sub ${{{}.Arn}}:{qualifier}", function.id),
    }
}

/// The qualifier of a permission, if it may be one for the caller's function.
fn function_of(
    subject: &Subject<'_, '_>,
    permission: &Resource,
    caller: &Caller<'_, '_>,
) -> Option<Qualifier> {
    let (scope, function) = (subject.scope, caller.function);
    let node = permission.properties.entry("FunctionName")?;
    let Ok(text) = scope.text(node) else {
        let names = references::of(scope, node);
        let mut functions = function::resources(scope);
        let other = functions
            .any(|one| one.id != function.id && names.iter().any(|name| name.id == one.id));
        return (!other).then_some(Qualifier::Unknown);
    };
    let (name, qualifier) = invocation_target::parse(&text);
    let is = |one: &Resource| function::name(scope, one).is_ok_and(|own| own == name);
    // A name that is unknown may be the one that the permission spells out.
    let may_be = || {
        let own = function.properties.entry("FunctionName");
        own.is_some_and(|own| scope.text(own).is_err()) && !function::resources(scope).any(is)
    };
    (is(function) || may_be()).then_some(qualifier)
}

fn faults(
    subject: &Subject<'_, '_>,
    permission: &Resource,
    qualifier: &Qualifier,
    caller: &Caller<'_, '_>,
    source: Option<&Source>,
) -> Vec<Fault> {
    let id = &permission.id;
    let mut faults = Vec::new();
    let value = |name: &str| {
        let node = permission
            .properties
            .entry(name)
            .filter(|node| !node.is_null());
        node.map(|node| subject.scope.text(node).ok())
    };
    let mut property = |name: &str, right: &str, is_right: fn(&str) -> bool| {
        let why = match value(name) {
            Some(Some(text)) if !is_right(&text) => {
                format!(
                    "permission `{id}` has the {} `{text}`",
                    name.to_ascii_lowercase()
                )
            }
            None => format!("permission `{id}` has no `{name}`"),
            _ => return,
        };
        let fix = format!("write `{name}: {right}`");
        faults.push(Fault {
            why,
            fix,
            of_source: false,
        });
    };
    property("Action", ACTION, |text| {
        ["lambda:*", "*"].contains(&text) || text.eq_ignore_ascii_case(ACTION)
    });
    property("Principal", PRINCIPAL, |text| {
        text.starts_with(PRINCIPAL) || text == "*"
    });
    faults.extend(by_qualifier(subject, id, qualifier, caller));
    if let (Some(source), Some(Some(arn))) = (source, value("SourceArn"))
        && !covers(subject, &arn, source)
    {
        faults.push(Fault {
            why: format!(
                "`SourceArn` of permission `{id}` does not match `{}`",
                shown(caller, source)
            ),
            fix: format!("write `{}`", source_arn(caller)),
            of_source: true,
        });
    }
    faults
}

fn by_qualifier(
    subject: &Subject<'_, '_>,
    permission: &str,
    qualifier: &Qualifier,
    caller: &Caller<'_, '_>,
) -> Option<Fault> {
    let called = &caller.qualifier;
    if qualifier == called || [qualifier, called].contains(&&Qualifier::Unknown) {
        return None;
    }
    let shown = |one: &Qualifier| match one {
        Qualifier::Is(name) => format!("`{name}` of the function"),
        _ => "the function without an alias".to_owned(),
    };
    let target = match called {
        Qualifier::Is(name) => reference(subject, caller.function, name),
        _ => format!("!Ref {}", caller.function.id),
    };
    Some(Fault {
        why: format!(
            "it calls {}, but permission `{permission}` covers {}",
            shown(called),
            shown(qualifier)
        ),
        fix: format!("write `FunctionName: {target}`"),
        of_source: false,
    })
}

/// The path with the template's names in place of ids.
fn shown(caller: &Caller<'_, '_>, source: &Source) -> String {
    let path = source
        .path
        .strip_prefix(&caller.api.id)
        .unwrap_or(&source.path);
    format!("{}{path}", caller.api.reference())
}

fn covers(subject: &Subject<'_, '_>, policy: &str, source: &Source) -> bool {
    let options = &subject.scope.options;
    let arn = format!(
        "arn:aws:execute-api:{}:{}:{}",
        options.region, options.account, source.path
    );
    let mut policy = policy.to_owned();
    if !source.known {
        let mut parts: Vec<_> = policy.split('/').collect();
        if let Some(stage) = parts.get_mut(1) {
            *stage = "*";
        }
        policy = parts.join("/");
    }
    arn::covers(&policy, &arn, &options.account)
}

#[cfg(test)]
mod tests;
