//! Whether the routes are deployed.

use crate::template::doctor::cdk;
use crate::template::doctor::examined_api::ExaminedApi;
use crate::template::doctor::finding::{Finding, Location};
use crate::template::doctor::input::DoctorInput;
use crate::template::doctor::references::{self, referenced_resource};
use crate::template::evaluate::resource_names;
use crate::template::syntax::Node;
use crate::template::transform::{Resource, resource_type};

pub(super) fn check(input: &DoctorInput<'_>) -> Vec<Finding> {
    let mut findings = undeployed_stages(input);
    let deployments = input.evaluator.of_type(resource_type::DEPLOYMENT);
    for deployment in deployments.filter(|one| !one.generated) {
        if let Some(api) = input.api_of(deployment) {
            findings.extend(order(input, deployment, api));
        }
    }
    findings
}

/// Whether a property can have this value. An unknown value can.
fn may_be(input: &DoctorInput<'_>, resource: &Resource, name: &str, text: &str) -> bool {
    let value = resource.properties.entry(name);
    value.is_some_and(|value| input.evaluator.text(value).map_or(true, |own| own == text))
}

/// Returns the findings for stages without a deployment.
fn undeployed_stages(input: &DoctorInput<'_>) -> Vec<Finding> {
    let evaluator = input.evaluator;
    let mut findings = Vec::new();
    for stage in evaluator.of_type(resource_type::STAGE) {
        let api = input.api_of(stage).filter(|api| api.resource.is_some());
        let Some(api) = api else { continue };
        let name = resource_names::stage(evaluator, stage).ok();
        let deploys = |one: &Resource| {
            let names_it = |name: &String| may_be(input, one, "StageName", name);
            one.properties.entry("StageName").is_some()
                && name.as_ref().is_none_or(names_it)
                && resource_names::api_id(evaluator, one).map_or(true, |id| id == api.id)
        };
        if may_be(input, stage, "AutoDeploy", "true")
            || stage.properties.non_null("DeploymentId").is_some()
            || evaluator.of_type(resource_type::DEPLOYMENT).any(deploys)
        {
            continue;
        }
        let name = name.unwrap_or_else(|| stage.id.clone());
        let what = format!("stage `{name}` has neither `AutoDeploy` nor a deployment");
        findings.push(
            Finding::mistake(Location::of(stage, &["StageName"]), what)
                .effect("the stage contains no routes, and every handshake fails with 403")
                .fix("write `AutoDeploy: true`")
                .cdk_fix(match cdk::has_methods(stage) {
                    true => "write `new WebSocketStage(..., { autoDeploy: true })`",
                    false => "write `autoDeploy: true` in the properties of the `CfnStage`",
                }),
        );
    }
    findings
}

/// Returns the findings for routes and route responses that a deployment does not wait for.
fn order(input: &DoctorInput<'_>, deployment: &Resource, api: &ExaminedApi<'_>) -> Vec<Finding> {
    let id = &deployment.id;
    let earlier = earlier_resources(input, id);
    let waits = |resource: &Resource| earlier.contains(&resource.id);
    let location = match input.depends_on(id).first() {
        Some(node) => Location::from(node).within(deployment),
        None => Location::of(deployment, &[]),
    };
    let routes = api.routes.iter();
    let missed: Vec<_> = routes.filter(|route| !waits(route.resource)).collect();
    if missed.len() == api.routes.len() && api.resource.is_some() {
        return vec![too_early(location, id, api)];
    }
    if !is_used(input, deployment) {
        return Vec::new();
    }
    let mut findings = Vec::new();
    if !missed.is_empty() {
        let keys: Vec<_> = missed
            .iter()
            .map(|one| format!("`{}`", one.name()))
            .collect();
        let what = format!(
            "deployment `{id}` does not wait for route{} {}",
            if keys.len() == 1 { "" } else { "s" },
            keys.join(", ")
        );
        findings.push(
            Finding::mistake(location.clone(), what)
                .effect("the stage can be deployed without these routes")
                .fix(depends_on(missed.iter().map(|one| one.resource)))
                .cdk_fix(add_dependency(missed.iter().map(|one| one.resource))),
        );
    }
    let responses = input.evaluator.of_type(resource_type::ROUTE_RESPONSE);
    let late = responses.filter(|one| {
        let of = input.evaluator.property(one, "RouteId");
        let mut routes = api.routes.iter();
        !waits(one) && routes.any(|route| of == Some(route.resource.short_id()))
    });
    let mut late = late.peekable();
    if late.peek().is_some() {
        let what = format!("deployment `{id}` does not wait for the route responses");
        let late: Vec<_> = late.collect();
        findings.push(
            Finding::remark(location, what)
                .effect(
                    "the stage can be deployed without them, and replies then do not reach clients",
                )
                .fix(depends_on(late.iter().copied()))
                .cdk_fix(add_dependency(late.into_iter())),
        );
    }
    findings
}

/// Returns the finding for a deployment that does not wait for any route.
fn too_early(location: Location, id: &str, api: &ExaminedApi<'_>) -> Finding {
    let name = &api.name;
    let finding = match api.routes.is_empty() {
        true => Finding::mistake(
            location,
            format!("deployment `{id}` deploys API `{name}`, which has no routes"),
        )
        .fix("add a route, or remove the deployment and write `AutoDeploy: true` in the stage"),
        false => Finding::mistake(
            location,
            format!("deployment `{id}` does not wait for any route of API `{name}`"),
        )
        .fix(depends_on(api.routes.iter().map(|one| one.resource)))
        .cdk_fix(add_dependency(api.routes.iter().map(|one| one.resource))),
    };
    finding.effect("CloudFormation can create the deployment before the routes, and then fails: `At least one route is required before deploying the Api`")
}

fn add_dependency<'d>(resources: impl Iterator<Item = &'d Resource>) -> String {
    let ids: Vec<_> = resources.map(|one| format!("`{}`", one.id)).collect();
    format!(
        "call `deployment.node.addDependency(..)` with {}",
        ids.join(", ")
    )
}

fn depends_on<'d>(resources: impl Iterator<Item = &'d Resource>) -> String {
    let ids: Vec<_> = resources.map(|one| &*one.id).collect();
    format!("add `DependsOn: [{}]` to the deployment", ids.join(", "))
}

/// Whether a stage without `AutoDeploy` uses the deployment.
fn is_used(input: &DoctorInput<'_>, deployment: &Resource) -> bool {
    let names = |stage: &&Resource| {
        let node = stage.properties.entry("DeploymentId");
        node.and_then(referenced_resource).as_deref() == Some(&*deployment.id)
    };
    let mut stages = input.evaluator.of_type(resource_type::STAGE).filter(names);
    deployment.properties.entry("StageName").is_some()
        || stages.any(|one| !may_be(input, one, "AutoDeploy", "true"))
}

/// Returns the logical ids of all resources that CloudFormation creates before this one.
fn earlier_resources(input: &DoctorInput<'_>, id: &str) -> Vec<String> {
    let mut known: Vec<String> = vec![id.to_owned()];
    let mut next = 0;
    while let Some(id) = known.get(next).cloned() {
        next += 1;
        let depends = input.depends_on(&id).iter().filter_map(Node::as_text);
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

    /// Returns the template with a deployment that has these lines.
    fn deployed(more: &str) -> String {
        let text = broken(RAW, "AutoDeploy: true", "DeploymentId: !Ref Deployment");
        format!("{text}\n  Deployment:\n    Type: AWS::ApiGatewayV2::Deployment\n{more}")
    }

    const OF_API: &str = "    Properties: { ApiId: !Ref Api }\n";
    const ALL: &str = "    DependsOn: [ConnectRoute, DisconnectRoute, DefaultRoute]\n";

    #[test]
    fn a_stage_requires_a_deployment() {
        let text = broken(RAW, "      AutoDeploy: true\n", "");
        let finding = finds(&text, "deployment");
        let expected = "stage `dev` has neither `AutoDeploy` nor a deployment";
        assert_eq!(finding.what, expected);
        is_right(&deployed(&format!("{ALL}{OF_API}")));
    }

    #[test]
    fn fault_f5_a_deployment_must_wait_for_its_routes() {
        let finding = finds(&deployed(OF_API), "deployment");
        let expected = "At least one route is required";
        assert!(finding.effect.contains(expected), "{finding:?}");
        assert_eq!(
            finding.fix,
            "add `DependsOn: [ConnectRoute, DisconnectRoute, DefaultRoute]` to the deployment"
        );
        let some = "    DependsOn: [ConnectRoute, DisconnectRoute]\n";
        let finding = finds(&deployed(&format!("{some}{OF_API}")), "deployment");
        let expected = "deployment `Deployment` does not wait for route `$default`";
        assert_eq!(finding.what, expected);
    }

    #[test]
    fn fault_f5_a_deployment_can_wait_indirectly() {
        let referring = "    DependsOn: DefaultRoute\n    Properties: { ApiId: !Ref Api, Description: !Sub '${ConnectRoute} ${DisconnectRoute}' }\n";
        is_right(&deployed(referring));
        let chained = broken(
            &deployed(&format!("    DependsOn: DefaultRoute\n{OF_API}")),
            "  DefaultRoute:\n    Type: AWS::ApiGatewayV2::Route\n",
            "  DefaultRoute:\n    Type: AWS::ApiGatewayV2::Route\n    DependsOn: [ConnectRoute, DisconnectRoute]\n",
        );
        is_right(&chained);
        // A stage with `AutoDeploy` does not require a complete deployment.
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
        let changed = broken(&text, "DefaultRoute]\n", "DefaultRoute, Response]\n");
        is_right(&changed);
    }

    #[test]
    fn fault_f6_a_deployment_with_a_stage_name_deploys_the_stage() {
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
