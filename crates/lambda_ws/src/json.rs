//! JSON messages.

/// JSON. As an argument it is the message, read as a `T`; as a message or a return value it is a `T`.
///
/// ```
/// use lambda_ws::{Json, Router};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Deserialize)]
/// struct Add {
///     numbers: Vec<f64>,
/// }
///
/// #[derive(Serialize)]
/// struct Sum {
///     sum: f64,
/// }
///
/// async fn add(Json(add): Json<Add>) -> Json<Sum> {
///     Json(Sum { sum: add.numbers.iter().sum() })
/// }
///
/// let router: Router = Router::new().route("add", add);
/// ```
///
/// A message that is not a valid `T` gets the error code `bad_message`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Json<T>(pub T);
