//! OpenTelemetry, as the environment configures it.

use super::environment::variable;
use crate::error::Error;
use crate::otel::{Otel, Settings, sampler};
use opentelemetry::KeyValue;
use opentelemetry_sdk::trace::Sampler;

/// The attributes of a function, and Lambda's variables that have them.
const ATTRIBUTES: [(&str, &str); 4] = [
    ("faas.name", "AWS_LAMBDA_FUNCTION_NAME"),
    ("faas.version", "AWS_LAMBDA_FUNCTION_VERSION"),
    ("faas.instance", "AWS_LAMBDA_LOG_STREAM_NAME"),
    ("cloud.region", "AWS_REGION"),
];

impl Otel {
    /// Traces the events of a program as the standard variables of OpenTelemetry say.
    ///
    /// | variable | |
    /// |---|---|
    /// | `OTEL_EXPORTER_OTLP_ENDPOINT` | the URL of the collector, without `/v1/traces`: `http://localhost:4318` by default, where the extensions of Lambda listen |
    /// | `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT` | the whole URL instead |
    /// | `OTEL_EXPORTER_OTLP_HEADERS` | headers for the collector, such as `x-api-key=secret` |
    /// | `OTEL_SERVICE_NAME` | the name of the program: `AWS_LAMBDA_FUNCTION_NAME` by default |
    /// | `OTEL_RESOURCE_ATTRIBUTES` | further attributes, such as `deployment.environment.name=prod` |
    /// | `OTEL_TRACES_SAMPLER` | `parentbased_always_on` by default; `parentbased_traceidratio`, `traceidratio`, `always_on`, `always_off` or `parentbased_always_off` |
    /// | `OTEL_TRACES_SAMPLER_ARG` | the share of the traces that `traceidratio` samples, from 0 to 1: 1 by default |
    /// | `OTEL_SDK_DISABLED` | `true` samples nothing; so does `none` in `OTEL_TRACES_EXPORTER` |
    ///
    /// The protocol is OTLP over HTTP with binary protobuf, without compression.
    ///
    /// # Errors
    ///
    /// If one of them is not valid.
    pub fn from_env() -> Result<Self, Error> {
        let is = |name: &str, expected: &str| {
            variable(name).is_some_and(|value| value.eq_ignore_ascii_case(expected))
        };
        let (name, argument) = (
            variable("OTEL_TRACES_SAMPLER"),
            variable("OTEL_TRACES_SAMPLER_ARG"),
        );
        let mut sampler = sampler(name.as_deref(), argument.as_deref())?;
        if is("OTEL_SDK_DISABLED", "true") || is("OTEL_TRACES_EXPORTER", "none") {
            sampler = Sampler::AlwaysOff;
        }
        let found = |(name, variable_name): (&'static str, &str)| {
            Some(KeyValue::new(name, variable(variable_name)?))
        };
        let mut attributes: Vec<_> = ATTRIBUTES.into_iter().filter_map(found).collect();
        let function = variable("AWS_LAMBDA_FUNCTION_NAME");
        if function.is_some() {
            attributes.push(KeyValue::new("cloud.provider", "aws"));
            attributes.push(KeyValue::new("cloud.platform", "aws_lambda"));
        }
        Self::new(Settings {
            sampler: Some(sampler),
            endpoint: None,
            attributes,
            service_name: function.filter(|_| variable("OTEL_SERVICE_NAME").is_none()),
        })
    }
}
