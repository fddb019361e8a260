//! The environment variables of a function, built from nothing: what Lambda sets, what the template sets, and the standard
//! variables that turn an AWS SDK to this machine. The developer's own environment, and with it every real credential, stays
//! outside.

use std::collections::BTreeMap;

/// What of the developer's environment reaches the function: where programs are, and how much Rust programs say.
pub const PASSED_ON: &[&str] = &["PATH", "RUST_BACKTRACE", "RUST_LOG"];

/// What `cargo run` needs besides: its own home and rustup's, which are found by `HOME` unless they are set, the toolchain
/// that was asked for, and the directory that holds what is compiled already. `HOME` leads SDKs to the developer's AWS
/// profile, which [`CLOSED`] therefore hides in any case.
pub const PASSED_ON_TO_CARGO: &[&str] = &[
    "CARGO_HOME",
    "CARGO_TARGET_DIR",
    "HOME",
    "RUSTUP_HOME",
    "RUSTUP_TOOLCHAIN",
];

/// What keeps an SDK from looking for credentials and settings elsewhere: in the files of the home directory, which it finds
/// even without `HOME`, and in the metadata service of a cloud machine.
pub const CLOSED: &[(&str, &str)] = &[
    ("AWS_CONFIG_FILE", "/dev/null"),
    ("AWS_EC2_METADATA_DISABLED", "true"),
    ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null"),
];

/// What Lambda sets to the same value for every function; a template may choose others.
pub const DEFAULTS: &[(&str, &str)] = &[
    ("LANG", "en_US.UTF-8"),
    ("PATH", "/usr/local/bin:/usr/bin:/bin"),
    ("TZ", ":UTC"),
];

/// What the environment of a function is made of.
#[derive(Clone, Debug)]
pub struct Variables<'a> {
    /// The function's name.
    pub function_name: &'a str,
    /// `Handler` of the template; Rust functions have `bootstrap`.
    pub handler: &'a str,
    /// `MemorySize` of the template in MB.
    pub memory: u32,
    /// The directory of the function's code.
    pub task_root: &'a str,
    /// Whether the program is run through cargo, which needs [`PASSED_ON_TO_CARGO`].
    pub cargo: bool,
    /// `Environment.Variables` of the template.
    pub template: &'a BTreeMap<String, String>,
    /// The region, such as `us-east-1`.
    pub region: &'a str,
    /// The id of the access key, such as `test`.
    pub access_key_id: &'a str,
    /// Its secret, such as `test`.
    pub secret_access_key: &'a str,
    /// The URL of the management API.
    pub management_url: &'a str,
    /// The URL of DynamoDB, if this machine has one.
    pub dynamodb_url: Option<&'a str>,
    /// The URL of Lambda, if this machine has one.
    pub lambda_url: Option<&'a str>,
}

/// The complete environment of a function's processes. `host` looks a variable of the gateway's own environment up.
///
/// Later layers win: Lambda's [`DEFAULTS`], [`PASSED_ON`], the template, and at last what is not the template's to choose:
/// Lambda's reserved variables, region, credentials, endpoints and [`CLOSED`]. `AWS_EXECUTION_ENV` and `AWS_SESSION_TOKEN`
/// are absent: functions on `provided.al2023` have no such first, and the second is each process's own, if there is a
/// [session token](super::Config::session_tokens).
pub fn variables(
    setup: &Variables<'_>,
    host: impl Fn(&str) -> Option<String>,
) -> BTreeMap<String, String> {
    let mut variables = BTreeMap::new();
    let mut set = |name: &str, value: &str| {
        variables.insert(name.to_owned(), value.to_owned());
    };
    DEFAULTS.iter().for_each(|(name, value)| set(name, value));
    let cargo = if setup.cargo { PASSED_ON_TO_CARGO } else { &[] };
    for name in PASSED_ON.iter().chain(cargo) {
        if let Some(value) = host(name) {
            set(name, &value);
        }
    }
    setup
        .template
        .iter()
        .for_each(|(name, value)| set(name, value));

    set("_HANDLER", setup.handler);
    set("AWS_ACCESS_KEY_ID", setup.access_key_id);
    set("AWS_DEFAULT_REGION", setup.region);
    set(
        "AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI",
        setup.management_url,
    );
    set("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", &setup.memory.to_string());
    set("AWS_LAMBDA_FUNCTION_NAME", setup.function_name);
    set("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST");
    set("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand");
    set(
        "AWS_LAMBDA_LOG_GROUP_NAME",
        &format!("/aws/lambda/{}", setup.function_name),
    );
    set("AWS_REGION", setup.region);
    set("AWS_SECRET_ACCESS_KEY", setup.secret_access_key);
    set("LAMBDA_RUNTIME_DIR", "/var/runtime");
    set("LAMBDA_TASK_ROOT", setup.task_root);
    if let Some(url) = setup.dynamodb_url {
        set("AWS_ENDPOINT_URL_DYNAMODB", url);
    }
    if let Some(url) = setup.lambda_url {
        set("AWS_ENDPOINT_URL_LAMBDA", url);
    }
    CLOSED.iter().for_each(|(name, value)| set(name, value));
    variables
}

/// Whether the gateway sets this variable, whatever a template says: its value would have no effect.
pub fn is_reserved(name: &str) -> bool {
    const OTHERS: &[&str] = &[
        "_HANDLER",
        "AWS_ACCESS_KEY_ID",
        "AWS_DEFAULT_REGION",
        "AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI",
        "AWS_ENDPOINT_URL_DYNAMODB",
        "AWS_ENDPOINT_URL_LAMBDA",
        "AWS_REGION",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "LAMBDA_RUNTIME_DIR",
        "LAMBDA_TASK_ROOT",
    ];
    name.starts_with("AWS_LAMBDA_")
        || OTHERS.contains(&name)
        || CLOSED.iter().any(|(closed, _)| *closed == name)
}

/// What of a function's [`variables`] a program needs that is run by something else, such as `cargo lambda watch`, which sets
/// Lambda's own itself: the template's, region, credentials, endpoints and [`CLOSED`].
pub fn for_others(
    template: &BTreeMap<String, String>,
    variables: &BTreeMap<String, String>,
) -> BTreeMap<String, String> {
    const ACCOUNT: &[&str] = &[
        "AWS_ACCESS_KEY_ID",
        "AWS_DEFAULT_REGION",
        "AWS_REGION",
        "AWS_SECRET_ACCESS_KEY",
    ];
    let needed = |name: &str| {
        template.contains_key(name)
            || ACCOUNT.contains(&name)
            || name.starts_with("AWS_ENDPOINT_URL_")
            || CLOSED.iter().any(|(closed, _)| *closed == name)
    };
    let needed = variables.iter().filter(|(name, _)| needed(name));
    needed
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

#[cfg(test)]
mod tests {
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

    fn changed<'a>(
        changes: &[(&str, &str)],
        setup: &'a mut BTreeMap<String, String>,
    ) -> Variables<'a> {
        setup.extend(
            changes
                .iter()
                .map(|(name, value)| (String::from(*name), String::from(*value))),
        );
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
        let variables = variables(
            &Variables {
                cargo: true,
                ..SETUP
            },
            developer,
        );
        assert!(
            !variables
                .values()
                .any(|value| value == "real" || value == "production"),
            "{variables:?}"
        );
    }

    #[test]
    fn cargo_finds_its_home_and_no_other_program_does() {
        assert_eq!(variables(&SETUP, developer).get("HOME"), None);
        let cargo = variables(
            &Variables {
                cargo: true,
                ..SETUP
            },
            developer,
        );
        assert_eq!(cargo["HOME"], "/home/ann");
        assert_eq!(cargo.get("CARGO_HOME"), None);
    }

    #[test]
    fn the_template_wins_over_defaults_and_the_developer() {
        let mut template = BTreeMap::new();
        let setup = changed(
            &[
                ("TZ", "Europe/Rome"),
                ("RUST_LOG", "warn"),
                ("CONNECTIONS_TABLE", "c"),
            ],
            &mut template,
        );
        let variables = variables(&setup, developer);
        assert_eq!(
            (
                &*variables["TZ"],
                &*variables["RUST_LOG"],
                &*variables["CONNECTIONS_TABLE"]
            ),
            ("Europe/Rome", "warn", "c")
        );
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
        assert_eq!(
            variables(&changed(&changes, &mut template), developer),
            variables(&SETUP, developer)
        );
    }

    #[test]
    fn fault_f30_a_variable_that_is_set_over_the_templates_is_reserved() {
        let mut template: BTreeMap<_, _> = variables(&SETUP, |_| None);
        template.insert("AWS_ENDPOINT_URL_LAMBDA".into(), String::new());
        template.insert("MINE".into(), String::new());
        template
            .values_mut()
            .for_each(|value| *value = "mine".into());
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
        let setup = changed(
            &[("CONNECTIONS_TABLE", "c"), ("TZ", "Europe/Rome")],
            &mut template,
        );
        let all = variables(&setup, developer);
        let names: Vec<_> = for_others(setup.template, &all).into_keys().collect();
        assert_eq!(
            names,
            [
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
            ]
        );
    }

    #[test]
    fn a_machine_without_a_path_still_has_lambdas() {
        assert_eq!(
            variables(&SETUP, |_| None)["PATH"],
            "/usr/local/bin:/usr/bin:/bin"
        );
    }
}
