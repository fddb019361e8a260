use crate::gateway::ApiKey;
use crate::template::evaluate::{Evaluator, Properties, resource_names};
use crate::template::syntax::Problem;
use crate::template::transform::Resource;

pub(crate) const KIND: &str = "AWS::ApiGateway::ApiKey";

/// The template's keys that clients can use. On AWS it is a usage plan that gives a key to an API; here every key is one of
/// every API (conformance B11).
pub(crate) fn read(evaluator: &Evaluator<'_>) -> Vec<ApiKey> {
    let keys = evaluator.of_kind(KIND);
    keys.filter_map(|resource| evaluator.report.keep(key(evaluator, resource)).flatten())
        .collect()
}

fn key(evaluator: &Evaluator<'_>, resource: &Resource) -> Result<Option<ApiKey>, Problem> {
    let owner = format!("API key `{}`", resource.id);
    let properties = Properties::new(evaluator, &resource.properties, &*owner)?;
    if !properties.flag("Enabled")? {
        let text = format!("{owner} is not `Enabled: true`: no client can use it, as on AWS");
        evaluator.report.note(resource.line, text);
        return Ok(None);
    }
    let Some(value) = properties.text("Value")? else {
        let text = format!(
            "{owner} has no `Value`, and AWS would make one up; name a key of your own with --api-key"
        );
        evaluator.report.note(resource.line, text);
        return Ok(None);
    };
    Ok(Some(ApiKey {
        id: resource_names::short_id(&resource.id),
        value,
    }))
}
