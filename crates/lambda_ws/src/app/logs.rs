//! The log output.

mod flat;
#[cfg(test)]
mod tests;

use super::environment::variable;
use flat::Flat;
use subscriber::filter::{LevelFilter, Targets, filter_fn};
use subscriber::fmt::MakeWriter;
use subscriber::layer::{Layer, SubscriberExt};
use subscriber::registry::LookupSpan;
use subscriber::util::SubscriberInitExt;
use tracing::{Level, Metadata, Subscriber};
use tracing_subscriber as subscriber;

/// The crates whose debug lines contain events, requests and responses with tokens and messages.
const VERBOSE: [&str; 2] = ["aws_", "lambda_runtime"];

/// Starts logging, unless the program has its own subscriber. The level comes from `AWS_LAMBDA_LOG_LEVEL`, else from
/// `RUST_LOG`, and `AWS_LAMBDA_LOG_FORMAT` turns on JSON.
pub(super) fn begin(#[cfg(feature = "otel")] otel: Option<&crate::otel::Otel>) {
    if tracing::dispatcher::has_been_set() {
        return;
    }
    let level = variable("AWS_LAMBDA_LOG_LEVEL").or_else(|| variable("RUST_LOG"));
    let format = variable("AWS_LAMBDA_LOG_FORMAT");
    let is_json = format.is_some_and(|format| format.eq_ignore_ascii_case("json"));
    let level = level.unwrap_or_default();
    #[cfg(feature = "otel")]
    if let Some(otel) = otel {
        let traced = subscriber::registry().with(otel.layer());
        return lines(traced, &level, is_json, std::io::stdout).init();
    }
    lines(subscriber::registry(), &level, is_json, std::io::stdout).init();
}

/// Parses a level such as `debug` or `info,my_program=debug`. Other directives, such as one for a span, are ignored.
/// The default is `info`.
fn targets(level: &str) -> Targets {
    let is_one =
        |one: &&str| !one.is_empty() && !one.contains('[') && one.parse::<Targets>().is_ok();
    let directives: Vec<_> = level.split(',').map(str::trim).filter(is_one).collect();
    match directives.join(",").parse() {
        Ok(targets) if !directives.is_empty() => targets,
        _ => Targets::new().with_default(LevelFilter::INFO),
    }
}

/// Adds the lines of a level to `base`.
fn lines<S, W>(
    base: S,
    level: &str,
    is_json: bool,
    writer: W,
) -> impl Subscriber + Send + Sync + use<S, W>
where
    S: Subscriber + for<'span> LookupSpan<'span> + Send + Sync,
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let lines = subscriber::fmt::layer().with_writer(writer);
    // CloudWatch and pipes do not display colours.
    let lines = lines.with_target(false).with_ansi(false);
    let lines = match is_json {
        true => lines.fmt_fields(Flat).event_format(Flat).boxed(),
        // CloudWatch adds its own time.
        false => lines.without_time().boxed(),
    };
    base.with(lines)
        .with(targets(level))
        .with(filter_fn(is_safe))
}

/// Returns whether a line cannot contain a token or a message.
fn is_safe(line: &Metadata<'_>) -> bool {
    let is_talkative = VERBOSE.iter().any(|name| line.target().starts_with(name));
    !is_talkative || *line.level() <= Level::INFO
}
