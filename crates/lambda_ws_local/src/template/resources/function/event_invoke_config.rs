//! What becomes of a function's asynchronous events: `EventInvokeConfig`.

use std::time::Duration;

use crate::lambda::Asynchronous;
use crate::template::evaluate::{Evaluator, Properties};
use crate::template::syntax::{Note, Problem};
use crate::template::transform::Resource;

const KIND: &str = "AWS::Lambda::EventInvokeConfig";

/// The settings of a function with this name on AWS: SAM's property, or a resource of its own.
pub(crate) fn read(
    evaluator: &Evaluator<'_>,
    function: &Resource,
    properties: &Properties<'_, '_>,
    name: &str,
) -> Result<(Asynchronous, Vec<Note>), Problem> {
    let own = properties.map("EventInvokeConfig")?;
    let mut configs = vec![own];
    for resource in evaluator.of_kind(KIND).filter(|one| !one.generated) {
        let owner = format!("`{}` ({KIND})", resource.id);
        let config = Properties::new(evaluator, &resource.properties, owner)?;
        let of = config.required("FunctionName")?;
        if of == name || of == function.id || of.ends_with(&format!(":function:{name}")) {
            configs.push(config);
        }
    }
    let mut asynchronous = Asynchronous::default();
    let mut notes = Vec::new();
    for config in configs {
        if let Some(retries) = config.number("MaximumRetryAttempts", 0..=2)? {
            asynchronous.retries = retries;
        }
        if let Some(age) = config.number("MaximumEventAgeInSeconds", 60..=21_600)? {
            asynchronous.age = Duration::from_secs(age.into());
        }
        // Events that are given up are printed: who looks for them here finds them there.
        if !config
            .map("DestinationConfig")?
            .map("OnSuccess")?
            .is_empty()
        {
            let text = format!(
                "the `OnSuccess` destination of {} gets nothing",
                config.owner
            );
            notes.push(Note::new(config.line("DestinationConfig"), text));
        }
    }
    Ok((asynchronous, notes))
}
