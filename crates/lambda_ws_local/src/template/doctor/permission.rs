//! That API Gateway may call a route's function (conformance E7). SAM makes these permissions for its own APIs.

use super::super::resource::Resource;
use super::super::{function, integration, physical, route, stage};
use super::finding::Found;
use super::pattern;
use super::place::Place;
use super::subject::Subject;

const KIND: &str = "AWS::Lambda::Permission";

pub(super) fn look(subject: &Subject<'_, '_>) -> Vec<Found> {
    let mut found = Vec::new();
    for resource in subject
        .scope
        .of_kind(route::KIND)
        .filter(|one| !one.generated)
    {
        let of = stage::api(subject.scope, resource).ok();
        let Some(api) = subject.apis.iter().find(|api| of.as_ref() == Some(&api.id)) else {
            continue;
        };
        let Some(route) = api
            .routes
            .iter()
            .find(|route| subject.text(resource, "RouteKey").as_ref() == Some(&route.key))
        else {
            continue;
        };
        let Some(function) = route.function() else {
            continue;
        };
        let source = format!("{}/{}/{}", api.id, api.stage, route.key);
        let allowed = subject.scope.of_kind(KIND).any(|permission| {
            principal(subject, permission)
                && calls(subject, permission, function)
                && from(subject, permission, &source)
        });
        if !allowed && !has_credentials(subject, resource) {
            let what = format!(
                "API Gateway may not call `{function}` for route `{}`",
                route.key
            );
            let mend = format!(
                "add an `{KIND}` with `Action: lambda:InvokeFunction`, `FunctionName: !Ref {function}`, \
                 `Principal: apigateway.amazonaws.com` and `SourceArn: !Sub \
                 arn:${{AWS::Partition}}:execute-api:${{AWS::Region}}:${{AWS::AccountId}}:${{{}}}/*`",
                api.logical_id
            );
            found.push(
                Found::mistake(Place::of(resource, &["RouteKey"]), what)
                    .effect("clients see `Internal server error`, and the function logs nothing")
                    .mend(mend),
            );
        }
    }
    found
}

fn principal(subject: &Subject<'_, '_>, permission: &Resource) -> bool {
    subject
        .text(permission, "Principal")
        .is_none_or(|name| name.starts_with("apigateway.") || name == "*")
}

fn calls(subject: &Subject<'_, '_>, permission: &Resource, id: &str) -> bool {
    let (Some(text), Some(resource)) = (
        subject.text(permission, "FunctionName"),
        subject.resource(id),
    ) else {
        return true;
    };
    let name = function::name(subject.scope, resource).unwrap_or_default();
    // A name or an ARN, with an alias or a version behind it.
    let text = text
        .split_once(":function:")
        .map_or(&*text, |(_, name)| name);
    text.split(':').next() == Some(&*name)
}

fn from(subject: &Subject<'_, '_>, permission: &Resource, source: &str) -> bool {
    let arn = format!(
        "arn:aws:execute-api:{}:{}:{source}",
        subject.scope.options.region, subject.scope.options.account
    );
    subject
        .text(permission, "SourceArn")
        .is_none_or(|text| pattern::covers(&text, &arn, &subject.scope.options.account))
}

/// A role that API Gateway takes on needs no permission.
fn has_credentials(subject: &Subject<'_, '_>, route: &Resource) -> bool {
    let Some(target) = subject.text(route, "Target") else {
        return true;
    };
    let id = target.strip_prefix("integrations/");
    let found = subject
        .scope
        .of_kind(integration::KIND)
        .find(|one| Some(&*physical::short_id(&one.id)) == id);
    found.is_none_or(|one| {
        one.properties
            .entry("CredentialsArn")
            .is_some_and(|node| !node.is_null())
    })
}

#[cfg(test)]
mod tests {
    use super::super::tests::{RAW, all, broken, finds, is_right};

    #[test]
    fn a_route_may_call_its_function() {
        for (from, to) in [
            (
                "Principal: apigateway.amazonaws.com",
                "Principal: sns.amazonaws.com",
            ),
            ("FunctionName: !Ref Chat", "FunctionName: other"),
            ("${Api}/*", "${Api}/prod/*"),
        ] {
            let findings = all(&broken(RAW, from, to));
            let routes = findings
                .iter()
                .filter(|one| one.check == "lambda-permission");
            assert_eq!(routes.count(), 3, "{from}: {findings:#?}");
        }
        let finding = finds(
            &broken(RAW, "${Api}/*", "${Api}/*/$*connect"),
            "lambda-permission",
        );
        assert_eq!(
            finding.what,
            "API Gateway may not call `Chat` for route `$default`"
        );
        is_right(&broken(
            RAW,
            "FunctionName: !Ref Chat",
            "FunctionName: !GetAtt Chat.Arn",
        ));
    }

    #[test]
    fn a_role_of_the_gateway_will_do() {
        let text = broken(RAW, "apigateway.amazonaws.com", "sns.amazonaws.com");
        let role = "IntegrationType: AWS_PROXY\n      CredentialsArn: arn:aws:iam::123456789012:role/gateway";
        is_right(&broken(&text, "IntegrationType: AWS_PROXY", role));
    }
}
