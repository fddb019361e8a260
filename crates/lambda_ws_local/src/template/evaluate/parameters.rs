use super::options::Options;
use crate::template::syntax::{Node, Problem, Report, listed};
use crate::template::transform::short_id;
use std::collections::BTreeMap;

/// The local value of `AWS::StackName`.
pub(super) const STACK: &str = "local";

pub(super) fn pseudo(options: &Options, name: &str, line: usize) -> Option<Node> {
    let text = match name {
        "AWS::Region" => options.region.clone(),
        "AWS::AccountId" => options.account.clone(),
        "AWS::Partition" => "aws".to_owned(),
        "AWS::URLSuffix" => "amazonaws.com".to_owned(),
        "AWS::StackName" => STACK.to_owned(),
        "AWS::StackId" => {
            let id = short_id(STACK);
            options.arn("cloudformation", &format!("stack/{STACK}/{id}"))
        }
        "AWS::NotificationARNs" => return Some(Node::list(Vec::new(), line)),
        "AWS::NoValue" => return Some(Node::null(line)),
        _ => return None,
    };
    Some(Node::text(text, line))
}

/// A parameter of the template with its value.
pub(crate) struct Parameter {
    /// A string, or a list of strings for the list types. The error states why there is no value, and the fix.
    value: Result<Node, String>,
}

impl Parameter {
    pub(crate) fn of(value: &str) -> Self {
        Self {
            value: Ok(Node::text(value, 0)),
        }
    }

    /// The parameter's value for a `Ref` on `line`.
    pub(crate) fn value(&self, name: &str, line: usize) -> Result<Node, Problem> {
        let value = self.value.clone().map_err(|why| {
            let text = format!("{why} --parameter-overrides {name}=...");
            Problem::local_only(line, text)
        })?;
        Ok(Node { line, ..value })
    }
}

/// Reads the template's `Parameters` with their values: overrides first, then defaults.
pub(crate) fn read(
    template: &Node,
    options: &Options,
    report: &Report,
    lenient: bool,
) -> BTreeMap<String, Parameter> {
    let section = template.entry("Parameters");
    let entries = section.map(Node::entries).unwrap_or_default();
    for name in options
        .parameters
        .keys()
        .filter(|name| entries.iter().all(|entry| *entry.key != ***name))
    {
        let known: Vec<_> = entries.iter().map(|entry| &*entry.key).collect();
        let known = listed(&known);
        let text = format!(
            "--parameter-overrides sets `{name}`, which is not a parameter of the template (parameters: {known})"
        );
        report.problem(Problem::new(0, text));
    }
    let mut parameters = BTreeMap::new();
    for entry in entries {
        let given = options.parameters.get(&*entry.key);
        let parameter = report.ok(parameter(
            &entry.key,
            entry.line,
            &entry.value,
            given.map(String::as_str),
            report,
        ));
        // An invalid parameter has a value, because otherwise each `Ref` to it is reported too. For a lenient evaluator
        // its value is unknown.
        let parameter = parameter.unwrap_or(Parameter {
            value: match lenient {
                true => Err(format!(
                    "parameter `{}` is not valid; correct it with",
                    entry.key
                )),
                false => Ok(Node::null(entry.line)),
            },
        });
        parameters.insert(entry.key.to_string(), parameter);
    }
    parameters
}

fn parameter(
    name: &str,
    line: usize,
    node: &Node,
    given: Option<&str>,
    report: &Report,
) -> Result<Parameter, Problem> {
    let kind = node
        .entry("Type")
        .and_then(Node::as_text)
        .unwrap_or("String")
        .to_owned();
    let default = node
        .entry("Default")
        .map(|default| default.as_text().unwrap_or_default());
    let Some(text) = given.or(default) else {
        // An unused parameter without a value is not a problem.
        let why = format!("parameter `{name}` has no default; set it with");
        return Ok(Parameter { value: Err(why) });
    };
    if kind.starts_with("AWS::SSM::Parameter::Value<") && given.is_none() {
        let why = format!(
            "the value of parameter `{name}` ({kind}) is stored on AWS; set a local value with"
        );
        return Ok(Parameter { value: Err(why) });
    }
    let list = kind == "CommaDelimitedList" || kind.contains("List<");
    let items: Vec<&str> = if list {
        text.split(',').map(str::trim).collect()
    } else {
        vec![text]
    };
    for item in &items {
        check(node, &kind, item, report).map_err(|rule| {
            Problem::new(line, format!("parameter `{name}` is `{item}`: expected {rule}; change it with --parameter-overrides"))
        })?;
    }
    let value = if list {
        Node::list(
            items.iter().map(|item| Node::text(item, line)).collect(),
            line,
        )
    } else {
        Node::text(text, line)
    };
    Ok(Parameter { value: Ok(value) })
}

/// Checks the constraints of a parameter as CloudFormation does. The error states the expected value.
fn check(node: &Node, kind: &str, value: &str, report: &Report) -> Result<(), String> {
    if let Some(allowed) = node.entry("AllowedValues").and_then(Node::as_list) {
        let allowed: Vec<_> = allowed.iter().filter_map(Node::as_text).collect();
        if !allowed.contains(&value) {
            return Err(format!("one of {}", allowed.join(", ")));
        }
    }
    if let Some(rule) = node.entry("AllowedPattern")
        && let Some(pattern) = rule.as_text()
    {
        match regex_lite::Regex::new(&format!("^(?:{pattern})$")) {
            Ok(regex) if !regex.is_match(value) => {
                return Err(format!("a match of `{pattern}`"));
            }
            Ok(_) => {}
            Err(_) => report.note(
                rule.line,
                format!("the pattern `{pattern}` is not checked locally"),
            ),
        }
    }
    let limit = |name| {
        node.entry(name)
            .and_then(Node::as_text)
            .and_then(|text| text.trim().parse::<f64>().ok())
    };
    let (measure, unit, least, most) = if kind.contains("Number") {
        let number = value.trim().parse::<f64>().map_err(|_| "a number")?;
        (number, "", "MinValue", "MaxValue")
    } else {
        let length = value.chars().count() as f64;
        (length, " characters", "MinLength", "MaxLength")
    };
    if let Some(limit) = limit(least).filter(|limit| measure < *limit) {
        return Err(format!("at least {limit}{unit} ({least})"));
    }
    if let Some(limit) = limit(most).filter(|limit| measure > *limit) {
        return Err(format!("at most {limit}{unit} ({most})"));
    }
    Ok(())
}
