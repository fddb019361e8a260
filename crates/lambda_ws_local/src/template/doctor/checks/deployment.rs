//! Whether the routes are deployed.

use crate::template::doctor::checks::route_response::RESPONSE;
use crate::template::doctor::examined_api::Api;
use crate::template::doctor::finding::Found;
use crate::template::doctor::input::{DoctorInput, named};
use crate::template::doctor::location::Location;
use crate::template::doctor::references;
use crate::template::evaluate::resource_names;
use crate::template::resources::stage;
use crate::template::syntax::Node;
use crate::template::transform::Resource;

const KIND: &str = "AWS::ApiGatewayV2::Deployment";

pub(super) fn look(input: &DoctorInput<'_, '_>) -> Vec<Found> {
    let mut found = stages(input);
    for deployment in input.evaluator.of_kind(KIND).filter(|one| !one.generated) {
        let of = stage::api(input.evaluator, deployment).ok();
        if let Some(api) = input.apis.iter().find(|api| of.as_ref() == Some(&api.id)) {
            found.extend(order(input, deployment, api));
        }
    }
    found
}

/// Whether a property has that text; an unknown value may be anything.
fn may_be(input: &DoctorInput<'_, '_>, resource: &Resource, name: &str, text: &str) -> bool {
    let value = resource.properties.entry(name);
    value.is_some_and(|value| input.evaluator.text(value).map_or(true, |own| own == text))
}

/// Stages without a deployment.
fn stages(input: &DoctorInput<'_, '_>) -> Vec<Found> {
    let evaluator = input.evaluator;
    let mut found = Vec::new();
    for part in evaluator.of_kind(stage::KIND) {
        let of = stage::api(evaluator, part).ok();
        let is_ours = input
            .apis
            .iter()
            .any(|api| api.resource.is_some() && of.as_ref() == Some(&api.id));
        let has = |name| {
            part.properties
                .entry(name)
                .is_some_and(|node| !node.is_null())
        };
        if !is_ours || may_be(input, part, "AutoDeploy", "true") || has("DeploymentId") {
            continue;
        }
        let name = stage::name(evaluator, part).ok();
        let deployed = evaluator.of_kind(KIND).any(|one| {
            let names_it = |name: &String| may_be(input, one, "StageName", name);
            one.properties.entry("StageName").is_some()
                && name.as_ref().is_none_or(names_it)
                && stage::api(evaluator, one).map_or(true, |api| of.as_ref() == Some(&api))
        });
        if deployed {
            continue;
        }
        let name = name.unwrap_or_else(|| part.id.clone());
        let what = format!("stage `{name}` has neither `AutoDeploy` nor a deployment");
        found.push(
            Found::mistake(Location::of(part, &["StageName"]), what)
                .effect("the stage contains no routes, and every handshake fails with 403")
                .fix("write `AutoDeploy: true`"),
        );
    }
    found
}

/// Routes that a deployment does not wait for.
fn order(input: &DoctorInput<'_, '_>, deployment: &Resource, api: &Api<'_>) -> Vec<Found> {
    let waits_for = closure(input, &deployment.id);
    let waits = |resource: &Resource| waits_for.contains(&resource.id);
    let missed: Vec<_> = api
        .routes
        .iter()
        .filter(|route| !waits(route.resource))
        .collect();
    let id = &deployment.id;
    let location = || {
        let depends = input.depends_on(id);
        let first = depends
            .first()
            .map(|node| Location::from(*node).within(deployment));
        first.unwrap_or_else(|| Location::of(deployment, &[]))
    };
    let ids = |resources: Vec<&Resource>| {
        let ids: Vec<_> = resources.iter().map(|one| &*one.id).collect();
        format!("add `DependsOn: [{}]` to the deployment", ids.join(", "))
    };
    if missed.len() == api.routes.len() && api.resource.is_some() {
        let (what, fix) = match api.routes.is_empty() {
            true => (
                format!(
                    "deployment `{id}` deploys API `{}`, which has no routes",
                    api.name
                ),
                "add a route, or remove the deployment and write `AutoDeploy: true` in the stage"
                    .to_owned(),
            ),
            false => (
                format!(
                    "deployment `{id}` does not wait for any route of API `{}`",
                    api.name
                ),
                ids(missed.iter().map(|route| route.resource).collect()),
            ),
        };
        let effect = "CloudFormation may create it first and fails: `At least one route is required before deploying the Api`";
        return vec![Found::mistake(location(), what).effect(effect).fix(fix)];
    }
    if !is_used(input, deployment) {
        return Vec::new();
    }
    let mut found = Vec::new();
    if !missed.is_empty() {
        let keys: Vec<_> = missed
            .iter()
            .map(|route| format!("`{}`", route.name()))
            .collect();
        let what = format!(
            "deployment `{id}` does not wait for route{} {}",
            if keys.len() == 1 { "" } else { "s" },
            keys.join(", ")
        );
        found.push(
            Found::mistake(location(), what)
                .effect("the stage may be deployed without these routes")
                .fix(ids(missed.iter().map(|route| route.resource).collect())),
        );
    }
    let late: Vec<_> = input
        .evaluator
        .of_kind(RESPONSE)
        .filter(|one| {
            let of = input.text(one, "RouteId");
            let mut routes = api.routes.iter();
            !waits(one)
                && routes.any(|route| of == Some(resource_names::short_id(&route.resource.id)))
        })
        .collect();
    if !late.is_empty() {
        let what = format!("deployment `{id}` does not wait for the route responses");
        found.push(
            Found::remark(location(), what)
                .effect("the stage may be deployed without them, and replies then reach no client")
                .fix(ids(late)),
        );
    }
    found
}

/// Whether a stage that does not deploy itself uses the deployment.
fn is_used(input: &DoctorInput<'_, '_>, deployment: &Resource) -> bool {
    let names = |stage: &&Resource| {
        let node = stage.properties.entry("DeploymentId");
        node.and_then(named).as_deref() == Some(&*deployment.id)
    };
    let mut stages = input.evaluator.of_kind(stage::KIND).filter(names);
    deployment.properties.entry("StageName").is_some()
        || stages.any(|one| !may_be(input, one, "AutoDeploy", "true"))
}

/// The logical ids of all resources that exist before that one.
fn closure(input: &DoctorInput<'_, '_>, id: &str) -> Vec<String> {
    let mut known: Vec<String> = vec![id.to_owned()];
    let mut next = 0;
    while let Some(id) = known.get(next).cloned() {
        next += 1;
        let depends = input.depends_on(&id).into_iter().filter_map(Node::as_text);
        let mut names: Vec<_> = depends.map(str::to_owned).collect();
        if let Some(resource) = input.resource(&id) {
            let references = references::of(input.evaluator, &resource.properties);
            names.extend(references.into_iter().map(|one| one.id));
        }
        for name in names {
            if !known.contains(&name) {
                known.push(name);
            }
        }
    }
    known
}

#[cfg(test)]
mod tests {
    use crate::template::doctor::finding::Weight;
    use crate::template::doctor::tests::{RAW, broken, finds, is_right};

    /// With a deployment of those properties beside its type.
    fn deployed(more: &str) -> String {
        let text = broken(RAW, "AutoDeploy: true", "DeploymentId: !Ref Deployment");
        format!("{text}\n  Deployment:\n    Type: AWS::ApiGatewayV2::Deployment\n{more}")
    }

    const OF_API: &str = "    Properties: { ApiId: !Ref Api }\n";
    const ALL: &str = "    DependsOn: [ConnectRoute, DisconnectRoute, DefaultRoute]\n";

    #[test]
    fn a_stage_needs_a_deployment() {
        let text = broken(RAW, "      AutoDeploy: true\n", "");
        let finding = finds(&text, "deployment");
        assert_eq!(
            finding.what,
            "stage `dev` has neither `AutoDeploy` nor a deployment"
        );
        is_right(&deployed(&format!("{ALL}{OF_API}")));
    }

    #[test]
    fn fault_f5_a_deployment_waits_for_its_routes() {
        let finding = finds(&deployed(OF_API), "deployment");
        assert!(
            finding.effect.contains("At least one route is required"),
            "{finding:?}"
        );
        assert_eq!(
            finding.fix,
            "add `DependsOn: [ConnectRoute, DisconnectRoute, DefaultRoute]` to the deployment"
        );
        let some = "    DependsOn: [ConnectRoute, DisconnectRoute]\n";
        let finding = finds(&deployed(&format!("{some}{OF_API}")), "deployment");
        assert_eq!(
            finding.what,
            "deployment `Deployment` does not wait for route `$default`"
        );
    }

    #[test]
    fn fault_f5_a_deployment_that_waits_indirectly_is_right() {
        let referring = "    DependsOn: DefaultRoute\n    Properties: { ApiId: !Ref Api, Description: !Sub '${ConnectRoute} ${DisconnectRoute}' }\n";
        is_right(&deployed(referring));
        let chained = broken(
            &deployed(&format!("    DependsOn: DefaultRoute\n{OF_API}")),
            "  DefaultRoute:\n    Type: AWS::ApiGatewayV2::Route\n",
            "  DefaultRoute:\n    Type: AWS::ApiGatewayV2::Route\n    DependsOn: [ConnectRoute, DisconnectRoute]\n",
        );
        is_right(&chained);
        // A stage that deploys itself needs no complete deployment.
        let auto = broken(
            &deployed(&format!("    DependsOn: DefaultRoute\n{OF_API}")),
            "DeploymentId: !Ref Deployment",
            "AutoDeploy: true",
        );
        is_right(&auto);
    }

    #[test]
    fn a_late_route_response_is_a_remark() {
        let response = "  Response:\n    Type: AWS::ApiGatewayV2::RouteResponse\n    Properties: { ApiId: !Ref Api, RouteId: !Ref DefaultRoute, RouteResponseKey: $default }\n";
        let text = format!("{}{response}", deployed(&format!("{ALL}{OF_API}")));
        assert_eq!(finds(&text, "deployment").weight, Weight::Remark);
        is_right(&broken(
            &text,
            "DefaultRoute]\n",
            "DefaultRoute, Response]\n",
        ));
    }

    #[test]
    fn fault_f6_a_deployment_with_a_stage_name_deploys_a_bare_stage() {
        let bare = broken(RAW, "      AutoDeploy: true\n", "");
        let deployment = |stage: &str| {
            format!(
                "{bare}\n  Deployment:\n    Type: AWS::ApiGatewayV2::Deployment\n{ALL}    Properties: {{ ApiId: !Ref Api, StageName: {stage} }}\n"
            )
        };
        is_right(&deployment("dev"));
        is_right(&deployment("!Ref Stage"));
        finds(&deployment("prod"), "deployment");
    }
}
