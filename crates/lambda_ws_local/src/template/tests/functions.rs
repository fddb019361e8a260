use super::*;
use crate::template::{Build, Package};
use std::path::PathBuf;
use std::time::Duration;

#[test]
fn the_properties_of_a_function_take_precedence_over_globals() {
    let chat = read(SAM).functions[0].clone();
    assert_eq!(chat.runtime, "provided.al2023");
    assert_eq!(chat.timeout, Duration::from_secs(10));
    assert_eq!(&*chat.environment["LOG"], "debug");
    assert_eq!(&*chat.environment["GREETING"], "hello");
    let to = "    IgnoreGlobals: [Timeout, Environment]\n    Metadata:\n";
    let text = SAM.replace("    Metadata:\n", to);
    let chat = read(&text).functions[0].clone();
    assert_eq!(chat.timeout, Duration::from_secs(3));
    assert!(!chat.environment.contains_key("GREETING"));
}

#[test]
fn the_path_of_the_code_is_relative_to_the_template() {
    let template =
        Template::parse(SAM, Path::new("deploy/template.yaml"), &Options::default()).unwrap();
    let expected = PathBuf::from("deploy/crates/chat");
    assert_eq!(template.functions[0].code, expected);
}

#[test]
fn the_build_is_read_from_the_metadata() {
    let build = |text: &str| read(text).functions[0].build.clone();
    let expected = Build::RustCargoLambda {
        binary: Some("chat".into()),
    };
    assert_eq!(build(SAM), expected);
    let binary = "      BuildProperties:\n        Binary: chat\n";
    let expected = Build::RustCargoLambda { binary: None };
    assert_eq!(build(&SAM.replace(binary, "")), expected);
    let found = build(&SAM.replace("rust-cargolambda", "makefile"));
    assert_eq!(found, Build::Other(Some("makefile".into())));
    assert_eq!(read(RAW).functions[0].build, Build::Other(None));
}

#[test]
fn an_invalid_function_that_no_route_uses_is_left_out() {
    let text = RAW.replace("SELF: !Ref Chat2", "OTHER: other");
    let text = text.replace("      Handler: index.handler\n", "");
    let template = read(&text);
    assert_eq!(template.functions.len(), 1);
    let note =
        "line 75: skipped function `Chat2`, which no route uses: function `Chat2` has no `Handler`";
    assert!(is_noted(&text, note), "{:#?}", notes(&text));
}

#[test]
fn fault_f13_functions_of_every_package_are_read() {
    let package = |kind: &str, properties: &str| {
        let text = format!(
            "Transform: AWS::Serverless-2016-10-31\nResources:\n  F:\n    Type: {kind}\n    Properties: {{ {properties} }}\n"
        );
        let template = parse(&text, &Options::default()).expect(properties);
        let function = &template.functions[0];
        (function.package, function.code.display().to_string())
    };
    let (sam, plain) = ("AWS::Serverless::Function", "AWS::Lambda::Function");
    let image = "Code: { ImageUri: a/b }, PackageType: Image";
    for (kind, properties, expected, code) in [
        (sam, "CodeUri: src", Package::Local, "src"),
        (sam, "", Package::Local, ""),
        (sam, "CodeUri: s3://bucket/key", Package::Bucket, ""),
        (sam, "CodeUri: { Bucket: b, Key: k }", Package::Bucket, ""),
        (sam, "CodeUri: !ImportValue code", Package::Bucket, ""),
        (sam, "InlineCode: x", Package::Inline, ""),
        (sam, "PackageType: Image, ImageUri: a/b", Package::Image, ""),
        (sam, "PackageType: Image", Package::Image, ""),
        (plain, "Code: src", Package::Local, "src"),
        (plain, "Code: { ZipFile: x }", Package::Inline, ""),
        (
            plain,
            "Code: { S3Bucket: b, S3Key: k }",
            Package::Bucket,
            "",
        ),
        (plain, image, Package::Image, ""),
    ] {
        let properties = match properties.contains("PackageType") {
            true => properties.to_owned(),
            false => format!("Handler: a.b, Runtime: r, {properties}"),
        };
        let (package, path) = package(kind, &properties);
        assert_eq!((package, &*path), (expected, code), "{properties}");
    }
}

#[test]
fn fault_f26_the_code_is_the_cdk_asset() {
    let text = |metadata: &str| {
        format!(
            "Resources:\n  F:\n    Type: AWS::Lambda::Function\n    Metadata: {{ {metadata} }}\n    Properties:\n      \
         Code: {{ S3Bucket: b, S3Key: k.zip }}\n      Handler: bootstrap\n      Runtime: provided.al2023\n"
        )
    };
    let function = |metadata: &str| {
        let path = Path::new("cdk.out/Chat.template.json");
        let template = Template::parse(&text(metadata), path, &Options::default()).unwrap();
        let function = template.functions[0].clone();
        (function.package, function.code.display().to_string())
    };
    let asset = function("'aws:asset:path': asset.1234, 'aws:asset:property': Code");
    assert_eq!(asset, (Package::Local, "cdk.out/asset.1234".to_owned()));
    let archive = function("'aws:asset:path': asset.1234.zip");
    assert_eq!(archive, (Package::Bucket, "cdk.out".to_owned()));
}

#[test]
fn fault_f15_a_variable_that_only_aws_knows_is_empty_and_a_warning() {
    let sections = "Parameters:\n  Secret: { Type: String }\n  Stored: { Type: 'AWS::SSM::Parameter::Value<String>', Default: /a }";
    let text = with_variables(
        sections,
        "QUEUE: !Ref Queue\nSTREAM: !GetAtt Table.StreamArn\nOTHER: !ImportValue other\nSECRET: !Ref Secret\n\
         STORED: !Ref Stored\nJOINED: !Sub 'https://${Queue.Arn}/${Secret}'\nKNOWN: a",
    );
    let template = read(&text);
    let environment = &template.functions[0].environment;
    let empty = environment.iter().filter(|(_, value)| value.is_empty());
    let empty: Vec<_> = empty.map(|(name, _)| &**name).collect();
    let expected = ["JOINED", "OTHER", "QUEUE", "SECRET", "STORED", "STREAM"];
    assert_eq!(empty, expected);
    assert_eq!(environment["KNOWN"], "a");
    let warnings = template.notes.iter().filter(|note| note.is_warning);
    let warnings: Vec<_> = warnings.map(ToString::to_string).collect();
    insta::assert_snapshot!(warnings.join("\n"));
    // A name that is not in the template is still a mistake.
    let text = with_variables("", "QUEUE: !Ref Queu");
    assert_eq!(
        errors(&text),
        "template.yaml:21: variable `QUEUE` of function `Chat`: `Queu` is not in the template"
    );
}

#[test]
fn fault_f17_a_reference_that_cloudformation_resolves_is_noted() {
    for reference in [
        "{{resolve:ssm:/chat/color}}",
        "{{resolve:ssm-secure:/chat/key:1}}",
        "{{resolve:secretsmanager:chat:SecretString:key}}",
    ] {
        let variables = format!("V1: 'a {reference} b'\nV2: !Sub '{reference}'");
        let text = with_variables("", &variables);
        assert_eq!(read(&text).functions[0].environment["V2"], reference);
        let noted = |name| {
            format!(
                "variable `{name}` of function `Chat` contains `{reference}`, which only AWS resolves; set it with \
             --env {name}=VALUE"
            )
        };
        let notes = read(&text).notes.into_iter().map(|note| note.text);
        assert_eq!(notes.collect::<Vec<_>>(), [noted("V1"), noted("V2")]);
    }
    let text = with_variables("", "V1: '{{resolve:not closed'\nV2: '{{ a }}'");
    assert_eq!(notes(&text), [""; 0]);
    let text = SAM.replace("color: blue", "color: '{{resolve:ssm:color}}'");
    let noted = notes(&text);
    let expected = "stage variable `color` contains `{{resolve:ssm:color}}`";
    assert!(noted[0].contains(expected), "{noted:#?}");
}

#[test]
fn every_invalid_variable_is_reported() {
    let variables = "AWS_REGION: x\n1ST: y\nGONE: !Ref Gone\nLIST: { a: b }\nGOOD: yes";
    let text = with_variables("", variables);
    insta::assert_snapshot!(errors(&text));
}

#[test]
fn values_that_lambda_rejects_are_problems() {
    let change = |from: &str, to: &str| errors(&SAM.replacen(from, to, 1));
    insta::assert_snapshot!(
        [
            change("Timeout: 10", "Timeout: 901"),
            change("MemorySize: 256", "MemorySize: 64"),
            change("Architectures: [arm64]", "Architectures: [riscv]"),
            change("      Handler: bootstrap\n", ""),
            change("CodeUri: crates/chat", "CodeUri: { Version: 1 }"),
        ]
        .join("\n")
    );
}

#[test]
fn event_sources_and_layers_are_noted() {
    let to = "      Layers: [a]\n      Events:\n        Nightly:\n          Type: Schedule\n";
    let text = SAM.replace("      MemorySize: 256\n", to);
    let expected = [
        "line 59: the layers of function `Chat` are not loaded",
        "line 61: event source `Nightly` (Schedule) of function `Chat` sends no events locally",
    ];
    assert_eq!(notes(&text), expected);
}

#[test]
fn both_forms_of_event_invoke_config_are_read() {
    let config = "MaximumRetryAttempts: 0\n        MaximumEventAgeInSeconds: 90\n";
    let destination = "        DestinationConfig: { OnFailure: { Destination: !Ref Queue } }\n";
    let own = format!("      EventInvokeConfig:\n        {config}{destination}");
    let sam = with_variables("", "NAME: x");
    let to = format!("{own}      Environment:\n");
    let sam = sam.replace("      Environment:\n", &to);
    let other = "  Config:\n    Type: AWS::Lambda::EventInvokeConfig\n    Properties:\n      \
                 FunctionName: !Ref Chat\n      Qualifier: $LATEST\n      MaximumRetryAttempts: 0\n      \
                 MaximumEventAgeInSeconds: 90\n";
    let raw = format!("{}\n{other}", with_variables("", "NAME: x"));
    for text in [&sam, &raw] {
        let asynchronous = read(text).functions[0].asynchronous;
        assert_eq!(asynchronous.retries, 0);
        assert_eq!(asynchronous.age, Duration::from_secs(90));
    }
    let is_noted = |text: &str| is_noted(text, "`OnSuccess` destination");
    assert!(!is_noted(&sam), "failed events are printed");
    assert!(is_noted(&sam.replace("OnFailure", "OnSuccess")));
    assert!(errors(&raw.replace("Attempts: 0", "Attempts: 3")).contains("from 0 to 2"));
}
