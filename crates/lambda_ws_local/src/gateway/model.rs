//! Request models: the schemas of a route's messages (conformance D7).

mod schema;

use lambda_ws_protocol::selection::Expression;
use schema::Misfit;
pub use schema::{Schema, SchemaError};
use serde_json::Value;
use std::collections::HashMap;
use std::fmt;

impl fmt::Debug for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Schema")
    }
}

/// The models of a route. The message selects its model (conformance D7).
#[derive(Debug)]
pub struct Models {
    selection: Expression,
    schemas: HashMap<String, Schema>,
}

/// Why a message does not match a model. The message's text is omitted, because it may be a secret.
#[derive(Debug)]
pub(super) enum ModelError {
    NotJson,
    NoModel(Option<String>),
    Misfit(Misfit),
}

impl Models {
    /// Returns the models by the keys that `selection` may yield. The model `$default` is for all other messages.
    pub fn new(selection: Expression, schemas: impl IntoIterator<Item = (String, Schema)>) -> Self {
        Self {
            selection,
            schemas: schemas.into_iter().collect(),
        }
    }

    /// Checks a message against the model that it selects. Invalid JSON matches no model (assumed). A message that
    /// selects no model, without a `$default`, is also rejected.
    pub(super) fn check(&self, body: &str) -> Result<(), ModelError> {
        let json: Value = serde_json::from_str(body).map_err(|_| ModelError::NotJson)?;
        let key = self.selection.select(body);
        let selected = key.as_ref().and_then(|key| self.schemas.get(key));
        let Some(schema) = selected.or_else(|| self.schemas.get("$default")) else {
            return Err(ModelError::NoModel(key));
        };
        schema.validate(&json).map_err(ModelError::Misfit)
    }
}

impl fmt::Display for ModelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotJson => {
                f.write_str("the message is not valid JSON, which the route's model requires")
            }
            Self::NoModel(Some(key)) => {
                write!(
                    f,
                    "the route has no model `{key}`: add it, or a model for `$default`"
                )
            }
            Self::NoModel(None) => {
                f.write_str("the message selects no model: add a model for `$default`")
            }
            Self::Misfit(Misfit { path, reason }) if path.is_empty() => {
                write!(f, "the message does not match its model: {reason}")
            }
            Self::Misfit(Misfit { path, reason }) => {
                write!(
                    f,
                    "the message does not match its model at `{path}`: {reason}"
                )
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn schema(schema: Value) -> Schema {
        Schema::compile(&schema).unwrap()
    }

    fn models(expression: &str, keys: &[&str]) -> Models {
        let least = |key: &&str| {
            let least = if **key == *"$default" { 0 } else { 10 };
            let schema = schema(json!({"properties": {"n": {"minimum": least}}}));
            ((*key).to_owned(), schema)
        };
        Models::new(expression.parse().unwrap(), keys.iter().map(least))
    }

    fn check(models: &Models, body: &str) -> String {
        models
            .check(body)
            .map_or_else(|bad| bad.to_string(), |()| String::new())
    }

    #[test]
    fn d7_a_message_selects_its_model_or_gets_the_one_of_default() {
        let models = models("$request.body.type", &["large", "$default"]);
        assert_eq!(check(&models, r#"{"type":"large","n":10}"#), "");
        assert_eq!(check(&models, r#"{"type":"small","n":0}"#), "");
        assert_eq!(check(&models, r#"{"n":0}"#), "");
        assert!(check(&models, r#"{"type":"large","n":9}"#).contains("`/n`"));
        assert!(check(&models, r#"{"type":"small","n":-1}"#).contains("`/n`"));
    }

    #[test]
    fn d7_without_a_model_for_it_a_message_fits_none() {
        let models = models("$request.body.type", &["large"]);
        assert!(check(&models, r#"{"type":"small"}"#).contains("no model `small`"));
        assert!(check(&models, "{}").contains("selects no model"));
    }

    #[test]
    fn what_is_no_json_fits_no_model() {
        let models = models(r"\$default", &["$default"]);
        for body in ["", "hello", "{n: 1}"] {
            assert!(check(&models, body).contains("not valid JSON"), "{body}");
        }
        assert_eq!(check(&models, "1"), "");
    }

    #[test]
    fn what_does_not_fit_is_told_without_what_it_is() {
        let schema = schema(json!({"properties": {"card": {"type": "integer"}}}));
        let models = Models::new("all".parse().unwrap(), [("all".to_owned(), schema)]);
        let told = check(&models, r#"{"card":"4111-1111"}"#);
        assert!(told.contains("`/card`") && !told.contains("4111"), "{told}");
    }
}
