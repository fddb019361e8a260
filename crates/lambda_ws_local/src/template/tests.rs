//! Tests of the template reader.

mod apis;
mod authorizations;
mod functions;
mod generated;
mod integrations;
mod intrinsics;
mod models;
mod parameters;
mod projects;
mod robustness;
mod tables;
mod throttling;
mod yaml;

use super::{Options, Template};
use std::path::Path;

const SAM: &str = include_str!("tests/fixtures/sam.yaml");
const RAW: &str = include_str!("tests/fixtures/raw.yaml");

fn options(parameters: &[(&str, &str)]) -> Options {
    let parameters = parameters
        .iter()
        .map(|(name, value)| (name.to_string(), value.to_string()));
    Options {
        parameters: parameters.collect(),
        ..Options::default()
    }
}

fn staged(stage: &str) -> Options {
    Options {
        stage: Some(stage.to_owned()),
        ..Options::default()
    }
}

fn parse(text: &str, options: &Options) -> Result<Template, String> {
    Template::parse(text, Path::new("template.yaml"), options).map_err(|error| error.to_string())
}

fn read(text: &str) -> Template {
    parse(text, &Options::default()).expect("the template is valid")
}

fn errors(text: &str) -> String {
    parse(text, &Options::default()).expect_err("the template is not valid")
}

/// Returns whether a note contains this text.
fn is_noted(text: &str, part: &str) -> bool {
    notes(text).iter().any(|note| note.contains(part))
}

fn notes(text: &str) -> Vec<String> {
    read(text).notes.iter().map(ToString::to_string).collect()
}

/// Returns a template with these sections and a function with these environment variables, one per line.
fn with_variables(sections: &str, variables: &str) -> String {
    let variables: String = variables
        .lines()
        .map(|line| format!("          {}\n", line.trim_start()))
        .collect();
    format!(
        "Transform: AWS::Serverless-2016-10-31\n{sections}
Resources:
  Api:
    Type: AWS::Serverless::WebSocketApi
    Properties:
      RouteSelectionExpression: $request.body.action
      Routes:
        $default: {{ FunctionArn: !GetAtt Chat.Arn }}
  Table:
    Type: AWS::Serverless::SimpleTable
  Queue:
    Type: AWS::SQS::Queue
  Chat:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: provided.al2023
      Handler: bootstrap
      Environment:
        Variables:
{variables}"
    )
}
