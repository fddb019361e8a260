//! A template: whatever it is, it is read or refused with a reason.

#![no_main]

use lambda_ws_local::template::{Options, Template};
use libfuzzer_sys::fuzz_target;
use std::path::Path;

fuzz_target!(|text: &str| {
    if let Err(error) = Template::parse(text, Path::new("template.yaml"), &Options::default()) {
        assert!(!error.to_string().is_empty());
    }
});
