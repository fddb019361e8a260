//! Integrations of type `MOCK`, which send a fixed response without a function (conformance E9).

use crate::template::evaluate::{Evaluator, Properties};
use crate::template::syntax::Problem;
use crate::template::transform::{Resource, resource_type};

/// The response of a `MOCK` integration with plain-text templates.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Mock {
    /// The `statusCode` of its request template; 200 without one. It affects only `$connect`.
    pub status: u16,
    /// The template of its `AWS::ApiGatewayV2::IntegrationResponse`; `None` without one.
    pub body: Option<String>,
}

/// Reads the response of a `MOCK` integration. The inner error states why the response is not supported.
pub(crate) fn read(
    evaluator: &Evaluator<'_>,
    integration: &Resource,
    properties: &Properties<'_>,
) -> Result<Result<Mock, &'static str>, Problem> {
    let request = match selected(properties, "RequestTemplates")? {
        Ok(request) => request,
        Err(why) => return Ok(Err(why)),
    };
    let status = match request.as_deref().map(status) {
        None => 200,
        Some(Some(status)) => status,
        Some(None) => return Ok(Err("its request template has no plain `statusCode`")),
    };
    let Some(response) = response(evaluator, integration, status)? else {
        return Ok(Ok(Mock { status, body: None }));
    };
    let body = match selected(&response, "ResponseTemplates")? {
        Ok(body) => body,
        Err(why) => return Ok(Err(why)),
    };
    if body.as_deref().is_some_and(has_code) {
        return Ok(Err("its response template is not plain text"));
    }
    Ok(Ok(Mock { status, body }))
}

/// The template that `TemplateSelectionExpression` selects from a map of templates.
fn selected(
    properties: &Properties<'_>,
    name: &str,
) -> Result<Result<Option<String>, &'static str>, Problem> {
    let expression = properties.text("TemplateSelectionExpression")?;
    let expression = expression.as_deref().unwrap_or("$default");
    let key = match expression.strip_prefix('\\') {
        Some(literal) => literal,
        None if expression == "$default" => expression,
        None if expression.contains('$') => {
            return Ok(Err("the message selects its template"));
        }
        None => expression,
    };
    let templates = properties.map(name)?;
    for key in [key, "$default"] {
        if let Some(template) = templates.text(key)? {
            return Ok(Ok(Some(template)));
        }
    }
    // API Gateway uses a single template regardless of its key.
    let mut names = templates.keys().map(|(name, _)| name);
    match (names.next(), names.next()) {
        (Some(only), None) => Ok(Ok(templates.text(only)?)),
        _ => Ok(Ok(None)),
    }
}

/// The `statusCode` of a request template without code.
fn status(template: &str) -> Option<u16> {
    let pattern =
        r#"^\s*\{\s*["']?statusCode["']?\s*:\s*["']?([1-5][0-9][0-9])["']?\s*,?\s*\}\s*$"#;
    let pattern = regex_lite::Regex::new(pattern).ok()?;
    pattern.captures(template)?.get(1)?.as_str().parse().ok()
}

/// Whether a template has directives or variables of the Velocity Template Language.
fn has_code(template: &str) -> bool {
    let begins = |letter: char| letter.is_ascii_alphabetic() || "{!#*[".contains(letter);
    let letters = template.chars().zip(template.chars().skip(1));
    { letters }.any(|(sign, next)| (sign == '$' || sign == '#') && begins(next))
}

/// Returns the integration response for a status. A pattern such as `/2\d\d/` takes precedence over `$default`.
fn response<'e>(
    evaluator: &'e Evaluator<'e>,
    integration: &Resource,
    status: u16,
) -> Result<Option<Properties<'e>>, Problem> {
    let id = integration.short_id();
    let mut default = None;
    for one in evaluator.of_type(resource_type::INTEGRATION_RESPONSE) {
        if evaluator.property(one, "IntegrationId").as_ref() != Some(&id) {
            continue;
        }
        let properties = Properties::of(evaluator, one, "integration response")?;
        let key = properties.required("IntegrationResponseKey")?;
        if key == "$default" {
            default = Some(properties);
        } else if matches(&key, status) {
            return Ok(Some(properties));
        }
    }
    Ok(default)
}

fn matches(key: &str, status: u16) -> bool {
    let pattern = key.trim_start_matches('/').trim_end_matches('/');
    let pattern = regex_lite::Regex::new(&format!("^(?:{pattern})$"));
    pattern.is_ok_and(|pattern| pattern.is_match(&status.to_string()))
}

/// Whether a resource is the response of an integration without a function.
pub(crate) fn uses(evaluator: &Evaluator<'_>, response: &Resource) -> bool {
    let id = evaluator.property(response, "IntegrationId");
    let integration = id.and_then(|id| evaluator.with_id(resource_type::INTEGRATION, &id));
    let kind = integration.and_then(|one| evaluator.property(one, "IntegrationType"));
    kind.is_some_and(|kind| kind != "AWS_PROXY")
}
