use std::path::PathBuf;
use std::time::Duration;

use super::*;
use crate::template::Build;

#[test]
fn globals_are_merged_and_a_functions_own_settings_win() {
    let chat = read(SAM).functions[0].clone();
    assert_eq!(chat.runtime, "provided.al2023");
    assert_eq!(chat.timeout, Duration::from_secs(10));
    assert_eq!(
        (&*chat.environment["LOG"], &*chat.environment["GREETING"]),
        ("debug", "hello")
    );
    let text = SAM.replace(
        "    Metadata:\n",
        "    IgnoreGlobals: [Timeout, Environment]\n    Metadata:\n",
    );
    let chat = read(&text).functions[0].clone();
    assert_eq!(chat.timeout, Duration::from_secs(3));
    assert!(!chat.environment.contains_key("GREETING"));
}

#[test]
fn the_code_is_found_from_the_templates_folder() {
    let template =
        Template::parse(SAM, Path::new("deploy/template.yaml"), &Options::default()).unwrap();
    assert_eq!(
        template.functions[0].code,
        PathBuf::from("deploy/crates/chat")
    );
}

#[test]
fn the_build_is_read_from_the_metadata() {
    let build = |text: &str| read(text).functions[0].build.clone();
    assert_eq!(
        build(SAM),
        Build::RustCargoLambda {
            binary: Some("chat".into())
        }
    );
    let binary = "      BuildProperties:\n        Binary: chat\n";
    assert_eq!(
        build(&SAM.replace(binary, "")),
        Build::RustCargoLambda { binary: None }
    );
    assert_eq!(
        build(&SAM.replace("rust-cargolambda", "makefile")),
        Build::Other(Some("makefile".into()))
    );
    assert_eq!(read(RAW).functions[0].build, Build::Other(None));
}

#[test]
fn a_function_that_no_route_uses_and_that_cannot_run_is_left_out() {
    let template = read(RAW);
    assert_eq!(template.functions.len(), 1);
    let note = "line 75: function `Chat2`, which no route uses, is left out: the code of function `Chat2` is not in this project; `Code` must be a path";
    assert!(notes(RAW).contains(&note.to_owned()), "{:#?}", notes(RAW));
}

#[test]
fn a_variable_that_only_aws_knows_is_named_with_its_remedy() {
    assert_eq!(
        errors(&with_variables("", "QUEUE: !Ref Queue")),
        "template.yaml:21: variable `QUEUE` of function `Chat`: only AWS knows `Ref Queue` (AWS::SQS::Queue); \
         use a parameter instead and give its local value with --parameter-overrides"
    );
}

#[test]
fn every_wrong_variable_is_reported() {
    let text = with_variables(
        "",
        "AWS_REGION: x\n1ST: y\nGONE: !Ref Gone\nLIST: { a: b }\nGOOD: yes",
    );
    insta::assert_snapshot!(errors(&text));
}

#[test]
fn what_lambda_would_refuse_is_refused() {
    let change = |from: &str, to: &str| errors(&SAM.replacen(from, to, 1));
    insta::assert_snapshot!(
        [
            change("Timeout: 10", "Timeout: 901"),
            change("MemorySize: 256", "MemorySize: 64"),
            change("Architectures: [arm64]", "Architectures: [riscv]"),
            change("      Handler: bootstrap\n", ""),
            change("CodeUri: crates/chat", "CodeUri: s3://bucket/key"),
            change("CodeUri: crates/chat", "PackageType: Image"),
        ]
        .join("\n")
    );
}

#[test]
fn events_and_layers_are_noted() {
    let text = SAM.replace(
        "      MemorySize: 256\n",
        "      Layers: [a]\n      Events:\n        Nightly:\n          Type: Schedule\n",
    );
    assert_eq!(
        notes(&text),
        [
            "line 59: layers of function `Chat` are not loaded",
            "line 61: event `Nightly` (Schedule) of function `Chat` does not happen locally",
        ]
    );
}

#[test]
fn asynchronous_events_are_tried_as_either_config_says() {
    let config = "MaximumRetryAttempts: 0\n        MaximumEventAgeInSeconds: 90\n";
    let destination = "        DestinationConfig: { OnFailure: { Destination: !Ref Queue } }\n";
    let own = format!("      EventInvokeConfig:\n        {config}{destination}");
    let sam = with_variables("", "NAME: x");
    let sam = sam.replace(
        "      Environment:\n",
        &format!("{own}      Environment:\n"),
    );
    let other = "  Config:\n    Type: AWS::Lambda::EventInvokeConfig\n    Properties:\n      \
                 FunctionName: !Ref Chat\n      Qualifier: $LATEST\n      MaximumRetryAttempts: 0\n      \
                 MaximumEventAgeInSeconds: 90\n";
    let raw = format!("{}\n{other}", with_variables("", "NAME: x"));
    for text in [&sam, &raw] {
        let asynchronous = read(text).functions[0].asynchronous;
        assert_eq!(asynchronous.retries, 0);
        assert_eq!(asynchronous.age, Duration::from_secs(90));
    }
    let is_noted = |text: &str| {
        let notes = notes(text);
        notes
            .iter()
            .any(|note| note.contains("`OnSuccess` destination"))
    };
    assert!(!is_noted(&sam), "what is given up is printed");
    assert!(is_noted(&sam.replace("OnFailure", "OnSuccess")));
    assert!(errors(&raw.replace("Attempts: 0", "Attempts: 3")).contains("from 0 to 2"));
}
