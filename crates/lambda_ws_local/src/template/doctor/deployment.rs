//! What makes routes reachable.

use super::super::stage;
use super::finding::Found;
use super::place::Place;
use super::subject::Subject;

pub(super) fn look(subject: &Subject<'_, '_>) -> Vec<Found> {
    let ids: Vec<_> = subject.apis.iter().map(|api| &api.id).collect();
    let mut found = Vec::new();
    for part in subject.scope.of_kind(stage::KIND) {
        let has = |name| {
            let value = part.properties.entry(name);
            // What cannot be evaluated may be anything.
            value.is_some_and(|value| {
                subject
                    .scope
                    .text(value)
                    .map_or(true, |text| text != "false")
            })
        };
        let of = subject.text(part, "ApiId");
        let is_ours = of.is_some_and(|of| ids.contains(&&of));
        if is_ours && !has("AutoDeploy") && !has("DeploymentId") {
            let name = subject.text(part, "StageName").unwrap_or_default();
            let what = format!("stage `{name}` has neither `AutoDeploy` nor a deployment");
            found.push(
                Found::mistake(Place::of(part, &["StageName"]), what)
                    .effect("nothing is deployed to it: clients are refused with 403")
                    .mend("write `AutoDeploy: true`"),
            );
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::tests::{RAW, broken, finds, is_right};

    #[test]
    fn a_stage_needs_a_deployment() {
        let text = broken(RAW, "      AutoDeploy: true\n", "");
        let finding = finds(&text, "deployment");
        assert_eq!(
            finding.what,
            "stage `dev` has neither `AutoDeploy` nor a deployment"
        );
        let deployed = broken(RAW, "AutoDeploy: true", "DeploymentId: !Ref Deployment");
        let deployment = "
  Deployment:
    Type: AWS::ApiGatewayV2::Deployment
    DependsOn: [ConnectRoute, DisconnectRoute, DefaultRoute]
    Properties: { ApiId: !Ref Api }
";
        is_right(&format!("{deployed}{deployment}"));
    }
}
