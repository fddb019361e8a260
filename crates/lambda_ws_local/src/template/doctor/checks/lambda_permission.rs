//! Whether API Gateway may call the functions of routes and authorizers (conformance B9, E7, K10). SAM generates these
//! permissions for its own APIs.

use crate::template::doctor::arn;
use crate::template::doctor::examined_api::Api;
use crate::template::doctor::finding::Found;
use crate::template::doctor::input::DoctorInput;
use crate::template::doctor::invocation_target::{self, InvocationTarget, Qualifier};
use crate::template::doctor::location::Location;
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
    location: Location,
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

pub(super) fn look(input: &DoctorInput<'_, '_>) -> Vec<Found> {
    let mut found = Vec::new();
    for api in &input.apis {
        let mut authorizers: Vec<&str> = Vec::new();
        for route in api.routes.iter().filter(|route| !route.resource.generated) {
            let integration = route.integration.filter(|one| !has(one, "CredentialsArn"));
            if let (
                Some(_),
                InvocationTarget::Function {
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
                    location: Location::of(route.resource, &["RouteKey"]),
                    effect: match route.key.as_deref() {
                        Some("$connect") => "every handshake fails, and the function logs nothing",
                        Some("$disconnect") => {
                            "the function never learns that a client has disconnected"
                        }
                        _ => "clients get `Internal server error`, and the function logs nothing",
                    },
                };
                found.extend(denied(input, &caller));
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
            if let InvocationTarget::Function {
                function,
                qualifier,
            } = invocation_target::of_authorizer(input.evaluator, authorizer)
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
                    location: Location::of(authorizer, &["AuthorizerUri"]),
                    effect: "every handshake fails with 500",
                };
                found.extend(denied(input, &caller));
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

fn denied(input: &DoctorInput<'_, '_>, caller: &Caller<'_, '_>) -> Option<Found> {
    let permissions: Vec<_> = input
        .evaluator
        .of_kind(KIND)
        .filter_map(|permission| Some((permission, function_of(input, permission, caller)?)))
        .collect();
    let faults = |source: Option<&Source>| {
        let all = permissions.iter();
        let all = all.filter_map(|(permission, qualifier)| {
            let faults = faults(input, permission, qualifier, caller, source);
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
                Qualifier::Is(qualifier) => reference(input, caller.function, qualifier),
                _ => format!("!Ref {id}"),
            };
            let fix = format!(
                "add an `{KIND}` with `Action: {ACTION}`, `FunctionName: {target}`, `Principal: {PRINCIPAL}` and `{}`",
                source_arn(caller)
            );
            let what = format!("{what}: no `{KIND}` names the function");
            Found::mistake(caller.location.clone(), what).fix(fix)
        }
        Some(faults) => {
            let fault = faults.first()?;
            let what = format!("{what}: {}", fault.why);
            Found::mistake(caller.location.clone(), what).fix(&*fault.fix)
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
fn reference(input: &DoctorInput<'_, '_>, function: &Resource, qualifier: &str) -> String {
    let mut aliases = input.evaluator.of_kind("AWS::Lambda::Alias");
    let alias = aliases.find(|alias| input.text(alias, "Name").as_deref() == Some(qualifier));
    match alias {
        Some(alias) => format!("!Ref {}", alias.id),
        None if input.text(function, "AutoPublishAlias").as_deref() == Some(qualifier) => {
            format!("!Ref {}.Alias", function.id)
        }
        None => format!("!Sub ${{{}.Arn}}:{qualifier}", function.id),
    }
}

/// The qualifier of a permission, if it may be one for the caller's function.
fn function_of(
    input: &DoctorInput<'_, '_>,
    permission: &Resource,
    caller: &Caller<'_, '_>,
) -> Option<Qualifier> {
    let (evaluator, function) = (input.evaluator, caller.function);
    let node = permission.properties.entry("FunctionName")?;
    let Ok(text) = evaluator.text(node) else {
        let names = references::of(evaluator, node);
        let mut functions = function::resources(evaluator);
        let other = functions
            .any(|one| one.id != function.id && names.iter().any(|name| name.id == one.id));
        return (!other).then_some(Qualifier::Unknown);
    };
    let (name, qualifier) = invocation_target::parse(&text);
    let is = |one: &Resource| function::name(evaluator, one).is_ok_and(|own| own == name);
    // A name that is unknown may be the one that the permission spells out.
    let may_be = || {
        let own = function.properties.entry("FunctionName");
        own.is_some_and(|own| evaluator.text(own).is_err())
            && !function::resources(evaluator).any(is)
    };
    (is(function) || may_be()).then_some(qualifier)
}

fn faults(
    input: &DoctorInput<'_, '_>,
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
        node.map(|node| input.evaluator.text(node).ok())
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
    faults.extend(by_qualifier(input, id, qualifier, caller));
    if let (Some(source), Some(Some(arn))) = (source, value("SourceArn"))
        && !covers(input, &arn, source)
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
    input: &DoctorInput<'_, '_>,
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
        Qualifier::Is(name) => reference(input, caller.function, name),
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

fn covers(input: &DoctorInput<'_, '_>, policy: &str, source: &Source) -> bool {
    let options = &input.evaluator.options;
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
