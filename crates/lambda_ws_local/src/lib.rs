//! A local Amazon API Gateway for WebSocket APIs.
//!
//! The binary `lambda-ws-local` runs a Lambda function on your machine: the function of a SAM or CloudFormation template,
//! or any program that uses the Lambda Runtime API. It serves websockets to clients, and the management API, DynamoDB and
//! Lambda's Invoke API to the function. The function needs no changes, because the AWS SDKs read the addresses of these
//! servers from environment variables.
//!
//! ```text
//! $ lambda-ws-local -- cargo run
//! websocket   ws://127.0.0.1:3001/dev
//! management  http://127.0.0.1:3001/dev/@connections/{id}
//! dynamodb    http://127.0.0.1:8000
//! region      us-east-1
//! console     http://127.0.0.1:3001/_console/
//! credentials test/test
//! ```
//!
//! # Manual
//!
//! The crate's `README.md` is the introduction. The manual is in its folder `docs`:
//!
//! - `quickstart.md`: a new project, and a project without a template
//! - `commands.md`: every command and option
//! - `templates.md`: what is read from SAM, CloudFormation, CDK and Serverless Framework templates
//! - `faults.md`: injected faults, throttling and fast timers
//! - `console.md`: the console and the admin API
//! - `doctor.md`: mistakes in a template before deployment
//! - `languages.md`: other languages, SAM CLI and cargo-lambda
//! - `security.md`: loopback, origins, TLS and other machines
//! - `limits.md`: limits and differences from AWS
//!
//! # Modules
//!
//! | module | content |
//! |---|---|
//! | [`emulator`] | a template's functions behind a gateway, with DynamoDB and Lambda |
//! | [`activity`] | observers, and the log of their events |
//! | [`session_tokens`] | the session tokens of functions |
//! | [`template`] | the parts of a template: APIs, routes, functions, tables; the doctor |
//! | [`function`] | the processes of a function, behind the Lambda Runtime API |
//! | [`gateway`] | websockets, their events, and the management API |
//! | [`dynamodb`] | an embedded DynamoDB |
//! | [`lambda`] | Lambda's Invoke API |
//! | [`remote`] | a function that another tool runs |
//! | [`faults`] | injected faults |
//! | [`console`], [`admin`] | the console and the admin API of a running gateway |
//! | [`cost`] | the prices of AWS, and the estimate of `lambda-ws-local cost` |
//! | [`guard`] | the rule that rejects web pages of other origins |
//! | [`conformance`] | each behavior of API Gateway, with its status and its tests |
//!
//! Tests are named after the numbers of the conformance table, such as
//! `f2_a_frame_over_32_kb_closes_the_connection_with_1009`.

#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod activity;
pub mod admin;
mod body;
pub mod conformance;
pub mod console;
pub mod cost;
pub mod dynamodb;
pub mod emulator;
mod error_text;
pub mod faults;
pub mod function;
pub mod gateway;
pub mod guard;
pub mod lambda;
mod listener;
mod lock;
mod log_line;
pub mod remote;
mod reply;
pub mod session_tokens;
pub mod template;
