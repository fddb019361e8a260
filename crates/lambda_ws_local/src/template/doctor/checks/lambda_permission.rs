//! Whether API Gateway has permission to call the functions of routes and authorizers (conformance B9, E7, K10). SAM
//! generates these permissions for `AWS::Serverless::WebSocketApi`.

use crate::template::doctor::examined_api::{ExaminedApi, ExaminedRoute};
use crate::template::doctor::finding::{Finding, Location};
use crate::template::doctor::input::DoctorInput;
use crate::template::doctor::invocation_target::{self, InvocationTarget, Qualifier};
use crate::template::doctor::{arn, cdk, references};
use crate::template::evaluate::resource_names;
use crate::template::transform::{Resource, resource_type};

const ACTION: &str = "lambda:InvokeFunction";
const PRINCIPAL: &str = "apigateway.amazonaws.com";

/// A route or an authorizer, with the function that it calls.
struct Caller<'d> {
    api: &'d ExaminedApi<'d>,
    function: &'d Resource,
    qualifier: Qualifier,
    /// Its name in messages, such as "route `say`".
    name: String,
    /// The paths of its source ARNs, one for each stage.
    sources: Vec<Source>,
    location: Location,
    effect: &'static str,
}

/// A path in the source ARN of a caller: `{api}/{stage}/{route}`, or `{api}/authorizers/{authorizer}`.
struct Source {
    path: String,
    /// Whether the second part of the path is known.
    known: bool,
}

/// The reason why a permission does not cover a caller, with the fix.
struct Fault {
    why: String,
    fix: String,
    of_source: bool,
}

pub(super) fn check(input: &DoctorInput<'_>) -> Vec<Finding> {
    let callers = input.apis.iter().flat_map(|api| callers(input, api));
    callers
        .filter_map(|caller| denied(input, &caller))
        .collect()
}

/// Returns the routes and authorizers of an API that require a permission. SAM generates the permissions for its own
/// resources. A role that API Gateway assumes replaces the permission.
fn callers<'d>(input: &'d DoctorInput<'_>, api: &'d ExaminedApi<'d>) -> Vec<Caller<'d>> {
    let mut callers = Vec::new();
    let mut authorizers: Vec<&str> = Vec::new();
    for route in api.routes.iter().filter(|route| !route.resource.generated) {
        callers.extend(route_caller(api, route));
        if let Some(authorizer) = route.authorizer
            && !authorizer.generated
            && !authorizers.contains(&&*authorizer.id)
        {
            authorizers.push(&authorizer.id);
            callers.extend(authorizer_caller(input, api, authorizer));
        }
    }
    callers
}

fn route_caller<'d>(api: &'d ExaminedApi<'d>, route: &'d ExaminedRoute<'d>) -> Option<Caller<'d>> {
    let InvocationTarget::Function(function, qualifier) = &route.target else {
        return None;
    };
    let properties = &route.integration?.properties;
    let key = route.key.as_deref();
    properties
        .non_null("CredentialsArn")
        .is_none()
        .then(|| Caller {
            api,
            function,
            qualifier: qualifier.clone(),
            name: format!("route `{}`", route.name()),
            sources: key.map_or(Vec::new(), |key| sources(api, key)),
            location: Location::of(route.resource, &["RouteKey"]),
            effect: match key {
                Some("$connect") => "every handshake fails, and the function logs nothing",
                Some("$disconnect") => "the function does not run when a client disconnects",
                _ => "clients get `Internal server error`, and the function logs nothing",
            },
        })
}

fn authorizer_caller<'d>(
    input: &'d DoctorInput<'_>,
    api: &'d ExaminedApi<'d>,
    authorizer: &'d Resource,
) -> Option<Caller<'d>> {
    let target = InvocationTarget::of_authorizer(input.evaluator, authorizer);
    let InvocationTarget::Function(function, qualifier) = target else {
        return None;
    };
    let role = authorizer.properties.non_null("AuthorizerCredentialsArn");
    let id = authorizer.short_id();
    role.is_none().then(|| Caller {
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
    })
}

fn sources(api: &ExaminedApi<'_>, key: &str) -> Vec<Source> {
    let source = |stage: Option<&str>| Source {
        path: format!("{}/{}/{key}", api.id, stage.unwrap_or("stage")),
        known: stage.is_some(),
    };
    match api.stages.is_empty() {
        true => vec![source(None)],
        false => {
            let stages = api.stages.iter();
            stages.map(|stage| source(stage.as_deref())).collect()
        }
    }
}

fn denied(input: &DoctorInput<'_>, caller: &Caller<'_>) -> Option<Finding> {
    let permissions = input.evaluator.of_type(resource_type::PERMISSION);
    let permissions: Vec<_> = permissions
        .filter_map(|one| Some((one, qualifier_of(input, one, caller)?)))
        .collect();
    let best = |source: Option<&Source>| {
        let all = permissions.iter().filter_map(|(permission, qualifier)| {
            let faults = faults(input, permission, qualifier, caller, source);
            // SAM generates this permission for another event source, so the template cannot fix it.
            (faults.is_empty() || !permission.generated).then_some(faults)
        });
        // The permission with a matching source is the intended one.
        all.min_by_key(|faults| (faults.iter().any(|one| one.of_source), faults.len()))
    };
    // Each stage can have its own permission.
    let mut sources: Vec<_> = caller.sources.iter().map(Some).collect();
    if sources.is_empty() {
        sources.push(None);
    }
    let worst = sources.into_iter().map(best);
    let worst = worst.max_by_key(|faults| faults.as_ref().map_or(usize::MAX, Vec::len));
    let id = &caller.function.id;
    let (why, fix) = match worst? {
        None => {
            let target = target(input, caller);
            let fix = format!(
                "add an `AWS::Lambda::Permission` with `Action: {ACTION}`, `FunctionName: {target}`, `Principal: {PRINCIPAL}` and `{}`",
                source_arn(caller)
            );
            let why = "no `AWS::Lambda::Permission` covers the function".to_owned();
            (why, fix)
        }
        Some(faults) => {
            let fault = faults.into_iter().next()?;
            (fault.why, fault.fix)
        }
    };
    let what = format!(
        "API Gateway has no permission to call `{id}` for {}: {why}",
        caller.name
    );
    let finding = Finding::mistake(caller.location.clone(), what);
    let cdk_fix = match caller.api.resource.is_some_and(cdk::has_methods) {
        true => "use a `WebSocketLambdaIntegration` or `WebSocketLambdaAuthorizer` of this function or alias, which adds the permission".to_owned(),
        false => format!(
            "call `handler.addPermission('Invoke', {{ principal: new ServicePrincipal('{PRINCIPAL}'), sourceArn: .. }})` on \
             this function or alias, with the API's ARN, followed by `/*`"
        ),
    };
    Some(finding.effect(caller.effect).fix(fix).cdk_fix(cdk_fix))
}

fn source_arn(caller: &Caller<'_>) -> String {
    format!(
        "SourceArn: !Sub arn:${{AWS::Partition}}:execute-api:${{AWS::Region}}:${{AWS::AccountId}}:{}/*",
        caller.api.reference()
    )
}

/// Returns the expression for the function of a caller, with its alias or version.
fn target(input: &DoctorInput<'_>, caller: &Caller<'_>) -> String {
    let function = caller.function;
    let Qualifier::Is(qualifier) = &caller.qualifier else {
        return format!("!Ref {}", function.id);
    };
    let is = |resource: &Resource, name| {
        input.evaluator.property(resource, name).as_ref() == Some(qualifier)
    };
    let mut aliases = input.evaluator.of_type(resource_type::ALIAS);
    match aliases.find(|alias| is(alias, "Name")) {
        Some(alias) => format!("!Ref {}", alias.id),
        None if is(function, "AutoPublishAlias") => format!("!Ref {}.Alias", function.id),
        None => format!("!Sub ${{{}.Arn}}:{qualifier}", function.id),
    }
}

/// Returns the qualifier of a permission; `None` if the permission is for another function.
fn qualifier_of(
    input: &DoctorInput<'_>,
    permission: &Resource,
    caller: &Caller<'_>,
) -> Option<Qualifier> {
    let (evaluator, function) = (input.evaluator, caller.function);
    let node = permission.properties.entry("FunctionName")?;
    let Ok(text) = evaluator.text(node) else {
        let references = references::of(evaluator, node);
        let is_other = |one: &Resource| {
            one.id != function.id && references.iter().any(|reference| reference.id == one.id)
        };
        return (!evaluator.functions().any(is_other)).then_some(Qualifier::Unknown);
    };
    let (name, qualifier) = invocation_target::parse(&text);
    // An unknown function name may be equal to the name in the permission.
    let may_be = || {
        let own = function.properties.entry("FunctionName");
        own.is_some_and(|own| evaluator.text(own).is_err())
            && evaluator.function_named(name).is_none()
    };
    let is = resource_names::function(evaluator, function).is_ok_and(|own| own == name);
    (is || may_be()).then_some(qualifier)
}

fn faults(
    input: &DoctorInput<'_>,
    permission: &Resource,
    qualifier: &Qualifier,
    caller: &Caller<'_>,
    source: Option<&Source>,
) -> Vec<Fault> {
    let id = &permission.id;
    let mut faults = Vec::new();
    let value = |name: &str| {
        let node = permission.properties.non_null(name);
        node.map(|node| input.evaluator.text(node).ok())
    };
    let mut property = |name: &str, right: &str, is_right: fn(&str) -> bool| {
        let why = match value(name) {
            Some(Some(text)) if !is_right(&text) => {
                let name = name.to_ascii_lowercase();
                format!("permission `{id}` has the {name} `{text}`")
            }
            None => format!("permission `{id}` has no `{name}`"),
            _ => return,
        };
        faults.push(Fault {
            why,
            fix: format!("write `{name}: {right}`"),
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
        // The message contains the API's name in the template instead of its id.
        let api = &caller.api;
        let path = source.path.strip_prefix(&api.id).unwrap_or(&source.path);
        let path = format!("{}{path}", api.reference());
        faults.push(Fault {
            why: format!("`SourceArn` of permission `{id}` does not match `{path}`"),
            fix: format!("write `{}`", source_arn(caller)),
            of_source: true,
        });
    }
    faults
}

fn by_qualifier(
    input: &DoctorInput<'_>,
    permission: &str,
    qualifier: &Qualifier,
    caller: &Caller<'_>,
) -> Option<Fault> {
    let called = &caller.qualifier;
    if qualifier == called || [qualifier, called].contains(&&Qualifier::Unknown) {
        return None;
    }
    let shown = |one: &Qualifier| match one {
        Qualifier::Is(name) => format!("the alias or version `{name}`"),
        _ => "the unqualified function".to_owned(),
    };
    let (called, covered) = (shown(called), shown(qualifier));
    Some(Fault {
        why: format!("it calls {called}, but permission `{permission}` covers {covered}"),
        fix: format!("write `FunctionName: {}`", target(input, caller)),
        of_source: false,
    })
}

fn covers(input: &DoctorInput<'_>, policy: &str, source: &Source) -> bool {
    let options = &input.evaluator.options;
    let arn = options.arn("execute-api", &source.path);
    let mut parts: Vec<_> = policy.split('/').collect();
    if !source.known
        && let Some(stage) = parts.get_mut(1)
    {
        *stage = "*";
    }
    arn::covers(&parts.join("/"), &arn, &options.account)
}

#[cfg(test)]
mod tests;
