//! Invokes functions directly, without the gateway.

use super::Call;
use super::reply::{AdminError, Reply};
use crate::function::request_id;
use crate::lambda::Invocable;
use serde::de::IgnoredAny;
use serde_json::{Value, json};

/// Invokes a function with an event and waits for its response.
pub(super) async fn invoke(functions: &[Invocable], call: &Call) -> Result<Reply, AdminError> {
    let function = chosen(functions, call.parameter("function").as_deref())?;
    serde_json::from_slice::<IgnoredAny>(&call.body)
        .map_err(|error| AdminError::bad(format!("the event is not valid JSON: {error}")))?;
    let request_id = request_id();
    let response = function.target.invoke(call.body.clone(), &request_id).await;
    let response = response.map_err(|error| AdminError::Failed(error.to_string()))?;
    // A response that is not JSON becomes a string.
    let response: Value = serde_json::from_slice(&response)
        .unwrap_or_else(|_| String::from_utf8_lossy(&response).into());
    Ok(Reply::json(json!({
        "function": function.name,
        "requestId": request_id,
        "response": response,
    })))
}

fn chosen<'f>(functions: &'f [Invocable], name: Option<&str>) -> Result<&'f Invocable, AdminError> {
    let names = || {
        let names: Vec<_> = functions.iter().map(|one| one.name.as_str()).collect();
        names.join(", ")
    };
    match (functions, name) {
        (_, Some(name)) => {
            let found = functions.iter().find(|one| one.name == name);
            found.ok_or_else(|| AdminError::bad(format!("unknown function `{name}`: {}", names())))
        }
        ([one], None) => Ok(one),
        _ => Err(AdminError::bad(format!(
            "choose a function with ?function=NAME: {}",
            names()
        ))),
    }
}
