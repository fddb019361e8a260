use super::*;

const SETUP: Variables<'static> = Variables {
    function_name: "chat",
    handler: "bootstrap",
    memory: 128,
    task_root: "/code",
    cargo: false,
    template: &BTreeMap::new(),
    region: "us-east-1",
    access_key_id: "test",
    secret_access_key: "test",
    management_url: "http://127.0.0.1:3001/prod",
    dynamodb_url: Some("http://127.0.0.1:8000"),
    lambda_url: None,
};

const CARGO: Variables<'static> = Variables {
    cargo: true,
    ..SETUP
};

/// A developer with a real account.
fn developer(name: &str) -> Option<String> {
    let value = match name {
        "PATH" => "/home/ann/.cargo/bin:/bin",
        "HOME" => "/home/ann",
        "RUST_LOG" => "debug",
        "AWS_PROFILE" => "production",
        _ if name.starts_with("AWS_") => "real",
        _ => return None,
    };
    Some(value.to_owned())
}

fn changed<'a>(changes: &[(&str, &str)], setup: &'a mut BTreeMap<String, String>) -> Variables<'a> {
    let changes = changes.iter();
    setup.extend(changes.map(|(name, value)| (name.to_string(), value.to_string())));
    Variables {
        template: setup,
        ..SETUP
    }
}

#[test]
fn a_function_sees_lambda_and_nothing_of_the_developer() {
    insta::assert_json_snapshot!(variables(&SETUP, developer), @r#"
        {
          "AWS_ACCESS_KEY_ID": "test",
          "AWS_CONFIG_FILE": "/dev/null",
          "AWS_DEFAULT_REGION": "us-east-1",
          "AWS_EC2_METADATA_DISABLED": "true",
          "AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI": "http://127.0.0.1:3001/prod",
          "AWS_ENDPOINT_URL_DYNAMODB": "http://127.0.0.1:8000",
          "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128",
          "AWS_LAMBDA_FUNCTION_NAME": "chat",
          "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
          "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
          "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/chat",
          "AWS_REGION": "us-east-1",
          "AWS_SECRET_ACCESS_KEY": "test",
          "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
          "LAMBDA_RUNTIME_DIR": "/var/runtime",
          "LAMBDA_TASK_ROOT": "/code",
          "LANG": "en_US.UTF-8",
          "PATH": "/home/ann/.cargo/bin:/bin",
          "RUST_LOG": "debug",
          "TZ": ":UTC",
          "_HANDLER": "bootstrap"
        }
        "#);
}

#[test]
fn no_credential_of_the_developer_gets_in() {
    let variables = variables(&CARGO, developer);
    let is_secret = |value: &String| value == "real" || value == "production";
    assert!(!variables.values().any(is_secret), "{variables:?}");
}

#[test]
fn cargo_finds_its_home_and_no_other_program_does() {
    assert_eq!(variables(&SETUP, developer).get("HOME"), None);
    let cargo = variables(&CARGO, developer);
    assert_eq!(cargo["HOME"], "/home/ann");
    assert_eq!(cargo.get("CARGO_HOME"), None);
}

#[test]
fn the_template_wins_over_defaults_and_the_developer() {
    let mut template = BTreeMap::new();
    let table = ("CONNECTIONS_TABLE", "c");
    let changes = [("TZ", "Europe/Rome"), ("RUST_LOG", "warn"), table];
    let setup = changed(&changes, &mut template);
    let variables = variables(&setup, developer);
    assert_eq!(&*variables["TZ"], "Europe/Rome");
    assert_eq!(&*variables["RUST_LOG"], "warn");
    assert_eq!(&*variables["CONNECTIONS_TABLE"], "c");
}

#[test]
fn the_template_cannot_lead_out_of_this_machine() {
    let mut template = BTreeMap::new();
    let changes = [
        (
            "AWS_ENDPOINT_URL_DYNAMODB",
            "https://dynamodb.us-east-1.amazonaws.com",
        ),
        (
            "AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI",
            "https://abc.execute-api.us-east-1.amazonaws.com/prod",
        ),
        ("AWS_ACCESS_KEY_ID", "AKIAREAL"),
    ];
    let found = variables(&changed(&changes, &mut template), developer);
    assert_eq!(found, variables(&SETUP, developer));
}

#[test]
fn fault_f30_a_variable_that_is_set_over_the_templates_is_reserved() {
    let mut template: BTreeMap<_, _> = variables(&SETUP, |_| None);
    template.insert("AWS_ENDPOINT_URL_LAMBDA".into(), String::new());
    template.insert("MINE".into(), String::new());
    let values = template.values_mut();
    values.for_each(|value| *value = "mine".into());
    let setup = Variables {
        template: &template,
        lambda_url: Some("http://127.0.0.1:3002"),
        ..SETUP
    };
    for (name, value) in variables(&setup, |_| None) {
        assert_eq!(is_reserved(&name), value != "mine", "{name}");
    }
}

#[test]
fn who_else_runs_a_function_is_told_what_he_does_not_know() {
    let mut template = BTreeMap::new();
    let changes = [("CONNECTIONS_TABLE", "c"), ("TZ", "Europe/Rome")];
    let setup = changed(&changes, &mut template);
    let all = variables(&setup, developer);
    let names: Vec<_> = for_others(setup.template, &all).into_keys().collect();
    let expected = [
        "AWS_ACCESS_KEY_ID",
        "AWS_CONFIG_FILE",
        "AWS_DEFAULT_REGION",
        "AWS_EC2_METADATA_DISABLED",
        "AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI",
        "AWS_ENDPOINT_URL_DYNAMODB",
        "AWS_REGION",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SHARED_CREDENTIALS_FILE",
        "CONNECTIONS_TABLE",
        "TZ",
    ];
    assert_eq!(names, expected);
}

#[test]
fn a_machine_without_a_path_still_has_lambdas() {
    let expected = "/usr/local/bin:/usr/bin:/bin";
    assert_eq!(variables(&SETUP, |_| None)["PATH"], expected);
}
