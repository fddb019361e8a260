//! Properties of `AWS::Serverless::WebSocketApi` that SAM rejects and that the reader does not use.

use crate::template::doctor::finding::{Finding, Location};
use crate::template::doctor::input::DoctorInput;
use crate::template::syntax::{Node, Value};
use crate::template::transform::{Resource, resource_type};

const ADDRESS_TYPE: &str = "IpAddressType";
/// The properties that SAM accepts.
const KNOWN: [&str; 18] = [
    "AccessLogSettings",
    "ApiKeySelectionExpression",
    "Auth",
    "DefaultRouteSettings",
    "Description",
    "DisableExecuteApiEndpoint",
    "DisableSchemaValidation",
    "Domain",
    "FailOnWarnings",
    ADDRESS_TYPE,
    "Name",
    "PropagateTags",
    "RouteSelectionExpression",
    "RouteSettings",
    "Routes",
    "StageName",
    "StageVariables",
    "Tags",
];

pub(super) fn check(input: &DoctorInput<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    for resource in input.apis.iter().filter_map(|api| api.resource) {
        address_type(input, resource, &mut found);
        if resource.resource_type == resource_type::SAM_WEBSOCKET_API {
            known(resource, &mut found);
            request_parameters(resource, &mut found);
            access_logs(input, resource, &mut found);
            domain(input, resource, &mut found);
        }
    }
    found
}

fn rejected(location: Location, what: String, fix: &str) -> Finding {
    Finding::mistake(location, what)
        .effect("SAM rejects the template")
        .fix(fix)
}

fn address_type(input: &DoctorInput<'_>, api: &Resource, found: &mut Vec<Finding>) {
    let Some(kind) = input.evaluator.property(api, ADDRESS_TYPE) else {
        return;
    };
    if kind != "ipv4" && kind != "dualstack" {
        let what = format!("`{ADDRESS_TYPE}` of API `{}` is `{kind}`", api.id);
        found.push(
            Finding::mistake(Location::of(api, &[ADDRESS_TYPE]), what)
                .effect("AWS rejects the API")
                .fix("write `ipv4` or `dualstack`"),
        );
    }
}

fn known(api: &Resource, found: &mut Vec<Finding>) {
    for entry in api.properties.entries() {
        let name = &*entry.key;
        if !KNOWN.contains(&name) && !name.starts_with("Fn::") {
            let what = format!("API `{}` has the unknown property `{name}`", api.id);
            let alike = KNOWN.iter().find(|one| one.eq_ignore_ascii_case(name));
            let fix = match alike {
                Some(one) => format!("write `{one}`"),
                None => "remove it, or correct its name".to_owned(),
            };
            found.push(rejected(Location::from(entry).within(api), what, &fix));
        }
    }
}

fn request_parameters(api: &Resource, found: &mut Vec<Finding>) {
    let name = "RequestParameters";
    for route in api.properties.entries_of("Routes") {
        let given = route.value.entry(name).filter(|node| !is_empty(node));
        if given.is_some() && &*route.key != "$connect" {
            let what = format!(
                "route `{}` has `{name}`, but only `$connect` can have it",
                route.key
            );
            let location = Location::of(api, &["Routes", &route.key, name]);
            found.push(rejected(
                location,
                what,
                &format!("remove `{name}` from this route"),
            ));
        }
    }
}

fn is_empty(node: &Node) -> bool {
    match &node.value {
        Value::Null => true,
        Value::Text(text) => text.is_empty(),
        Value::List(items) => items.is_empty(),
        Value::Map(entries) => entries.is_empty(),
    }
}

fn access_logs(input: &DoctorInput<'_>, api: &Resource, found: &mut Vec<Finding>) {
    let name = "AccessLogSettings";
    let settings = api.properties.entry(name);
    let Some(Ok(settings)) = settings.map(|node| input.evaluator.value(node)) else {
        return;
    };
    if !matches!(settings.value, Value::Map(_) | Value::Null) {
        let what = format!("`{name}` of API `{}` is {}", api.id, settings.kind());
        let fix = "write a map with `DestinationArn` and `Format`";
        found.push(rejected(Location::of(api, &[name]), what, fix));
    }
}

fn domain(input: &DoctorInput<'_>, api: &Resource, found: &mut Vec<Finding>) {
    let Some(domain) = api.properties.non_null("Domain") else {
        return;
    };
    if domain.intrinsic().is_some() {
        return;
    }
    if !matches!(domain.value, Value::Map(_)) {
        let what = format!("`Domain` of API `{}` is {}", api.id, domain.kind());
        let fix = "write a map with `DomainName` and `CertificateArn`";
        found.push(rejected(Location::of(api, &["Domain"]), what, fix));
        return;
    }
    for name in ["DomainName", "CertificateArn"] {
        if domain.entry(name).is_none_or(Node::is_null) {
            let what = format!("`Domain` of API `{}` has no `{name}`", api.id);
            let fix = format!("add `{name}`");
            found.push(rejected(Location::of(api, &["Domain"]), what, &fix));
        }
    }
    if domain
        .entry("MutualTlsAuthentication")
        .is_some_and(|node| !is_empty(node))
    {
        let what = format!("`Domain` of API `{}` has `MutualTlsAuthentication`", api.id);
        let location = Location::of(api, &["Domain", "MutualTlsAuthentication"]);
        found.push(rejected(
            location,
            what,
            "remove it: WebSocket APIs do not support mutual TLS",
        ));
    }
    if let Some(paths) = domain.entry("BasePath") {
        base_paths(input, api, paths, found);
    }
}

fn base_paths(input: &DoctorInput<'_>, api: &Resource, node: &Node, found: &mut Vec<Finding>) {
    // SAM replaces `Ref`s to parameters before it reads the property.
    let is_parameter = |node: &Node| match node.intrinsic() {
        Some(("Ref", name)) => name.as_text().is_some_and(|name| input.has_parameter(name)),
        _ => false,
    };
    let location = |node: &Node| match node.column {
        0 => Location::of(api, &["Domain", "BasePath"]),
        _ => Location::from(node).within(api),
    };
    if node.as_list().is_none() && node.as_text().is_none() {
        if !node.is_null() && !is_parameter(node) {
            let what = format!("`BasePath` of API `{}` is {}", api.id, node.kind());
            found.push(
                Finding::mistake(location(node), what)
                    .effect("SAM ignores it, and the domain serves the API without a path")
                    .fix("write a string, a `!Ref` to a parameter, or a list of them"),
            );
        }
        return;
    }
    for item in node.items() {
        let allowed = |letter: char| letter.is_ascii_alphanumeric() || "/-_".contains(letter);
        match item.as_text() {
            Some(text) if text.chars().all(allowed) => {}
            None if is_parameter(item) => {}
            Some(text) => {
                let what = format!("`BasePath` of API `{}` is `{text}`", api.id);
                let fix = "use letters, digits, `/`, `-` and `_` only";
                found.push(rejected(location(item), what, fix));
            }
            None => {
                let what = format!(
                    "`BasePath` of API `{}` contains {}, but each path must be a string",
                    api.id,
                    item.kind()
                );
                let fix = "write each path as a string, or as a `!Ref` to a parameter";
                found.push(rejected(location(item), what, fix));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::template::doctor::tests::{SAM, broken, finds, is_right};

    const ROUTE: &str = "        $default: { FunctionArn: !GetAtt Chat.Arn }\n";
    const STAGE: &str = "      StageName: dev\n      Route";

    fn with(property: &str) -> String {
        broken(
            SAM,
            STAGE,
            &STAGE.replace("      Route", &format!("      {property}\n      Route")),
        )
    }

    fn domain(path: &str) -> String {
        with(&format!(
            "Domain: {{ DomainName: a.example.com, CertificateArn: 'arn:aws:acm:x', BasePath: {path} }}"
        ))
    }

    #[test]
    fn fault_f24_properties_that_sam_rejects_are_found() {
        let to = ", RequestParameters: { route.request.querystring.a: { Required: true } } }";
        let parameters = ROUTE.replace(" }", to);
        for (text, expected) in [
            (with("IpAddressType: v6"), "`IpAddressType`"),
            (broken(SAM, ROUTE, &parameters), "only `$connect` can"),
            (with("AccessLogSettings: [{ Format: x }]"), "is a list"),
            (domain("[[chat]]"), "contains a list"),
            (domain("[!GetAtt Connections.Arn]"), "contains a map"),
            (domain("'a b'"), "`a b`"),
            (
                with("Domain: { DomainName: a.example.com }"),
                "no `CertificateArn`",
            ),
            (
                with("stageVariables: { a: b }"),
                "unknown property `stageVariables`",
            ),
        ] {
            let finding = finds(&text, "sam");
            assert!(finding.what.contains(expected), "{expected}: {finding:?}");
        }
        let found = finds(&with("stageVariables: { a: b }"), "sam").fix;
        assert_eq!(found, "write `StageVariables`");
    }

    #[test]
    fn properties_that_sam_accepts_are_not_findings() {
        let parameters = "        $connect: { FunctionArn: !GetAtt Chat.Arn, RequestParameters: { route.request.querystring.a: { Required: true } } }\n";
        let connect = "        $connect: { FunctionArn: !GetAtt Chat.Arn }\n";
        for text in [
            with("IpAddressType: dualstack"),
            broken(SAM, connect, parameters),
            domain("chat"),
            domain("[chat, v2/chat]"),
        ] {
            is_right(&text);
        }
    }
}
