//! The sampler that the environment selects.

use crate::error::Error;
use opentelemetry_sdk::trace::Sampler;

/// Reads the values of `OTEL_TRACES_SAMPLER` and `OTEL_TRACES_SAMPLER_ARG`.
///
/// # Errors
///
/// If one of them is not valid.
pub(crate) fn sampler(name: Option<&str>, argument: Option<&str>) -> Result<Sampler, Error> {
    let ratio = || match argument {
        None => Ok(Sampler::TraceIdRatioBased(1.0)),
        Some(text) => match text.trim().parse::<f64>() {
            Ok(ratio) if (0.0..=1.0).contains(&ratio) => Ok(Sampler::TraceIdRatioBased(ratio)),
            _ => Err(Error::from(format!(
                "OTEL_TRACES_SAMPLER_ARG is `{text}`: expected a number from 0 to 1, such as 0.01"
            ))),
        },
    };
    let with_parent = |root| Sampler::ParentBased(Box::new(root));
    Ok(match name.map(str::trim) {
        None | Some("parentbased_always_on") => with_parent(Sampler::AlwaysOn),
        Some("parentbased_always_off") => with_parent(Sampler::AlwaysOff),
        Some("parentbased_traceidratio") => with_parent(ratio()?),
        Some("always_on") => Sampler::AlwaysOn,
        Some("always_off") => Sampler::AlwaysOff,
        Some("traceidratio") => ratio()?,
        Some(other) => {
            return Err(format!(
                "OTEL_TRACES_SAMPLER is `{other}`: expected always_on, always_off, traceidratio, \
                 parentbased_always_on, parentbased_always_off or parentbased_traceidratio"
            )
            .into());
        }
    })
}
