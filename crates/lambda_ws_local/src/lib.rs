//! A local Amazon API Gateway for WebSocket APIs.
//!
//! The binary `lambda-ws-local` serves the function of a SAM or CloudFormation template, or any program
//! that runs on AWS Lambda, on a laptop: websockets in front of it, the API Gateway Management API and
//! DynamoDB behind it. The function cannot tell it from AWS: it is the same binary, with the same SDKs,
//! told by the SDKs' own variables where to find AWS.
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
//! The library contains the whole and its parts:
//!
//! | module | is |
//! |---|---|
//! | [`emulator`] | a template's functions behind a gateway, with DynamoDB and Lambda |
//! | [`template`] | what a template declares: APIs, routes, functions, tables |
//! | [`function`] | a function's processes, behind the Lambda Runtime API |
//! | [`gateway`] | websockets, their events, and the management API |
//! | [`dynamodb`] | an embedded DynamoDB |
//! | [`signature`] | AWS Signature Version 4, signed and verified |
//! | [`faults`] | what AWS does wrong now and then, on purpose |
//! | [`admin`] | the admin API of a running gateway |
//! | [`console`] | a page that shows what happens in it |
//! | [`lambda`] | Lambda's Invoke API, for functions that invoke others |
//! | [`remote`] | a function that somebody else runs |
//! | [`guard`] | who may talk to local servers: no web page from elsewhere |
//!
//! What the gateway reproduces is a numbered list of how the real service behaves; tests are named
//! after its lines, such as `f2_a_frame_over_32_kb_closes_the_connection_with_1009`. It does not do:
//! permessage-deflate, usage plans, custom domains, and integrations other than Lambda's. A template that needs
//! one of the latter is told so, with the line. DynamoDB takes signatures unverified.

pub mod admin;
mod body;
pub mod conformance;
pub mod console;
pub mod dynamodb;
pub mod emulator;
pub mod faults;
pub mod function;
pub mod gateway;
pub mod guard;
pub mod lambda;
mod listener;
mod lock;
pub mod remote;
mod reply;
pub mod signature;
pub mod template;
