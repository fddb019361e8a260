//! The environment variables of a function: those of Lambda, those of the template, and the standard variables that
//! direct an AWS SDK to this machine. The developer's environment, with all real credentials, is not inherited.

use std::collections::BTreeMap;

/// The inherited variables: the path of programs, and the log level of Rust programs.
pub const PASSED_ON: &[&str] = &["PATH", "RUST_BACKTRACE", "RUST_LOG"];

/// The additional variables for `cargo run`: the homes of cargo and rustup, which default to folders of `HOME`, the
/// toolchain, and the target directory. SDKs find the developer's AWS profile through `HOME`, so [`CLOSED`] hides it.
pub const PASSED_ON_TO_CARGO: &[&str] = &[
    "CARGO_HOME",
    "CARGO_TARGET_DIR",
    "HOME",
    "RUSTUP_HOME",
    "RUSTUP_TOOLCHAIN",
];

/// Variables that prevent an SDK from loading other credentials and settings: from files of the home directory, which
/// it finds even without `HOME`, and from the metadata service of a cloud machine.
pub const CLOSED: &[(&str, &str)] = &[
    ("AWS_CONFIG_FILE", "/dev/null"),
    ("AWS_EC2_METADATA_DISABLED", "true"),
    ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null"),
];

/// Variables that Lambda sets to the same value for every function. A template may override them.
pub const DEFAULTS: &[(&str, &str)] = &[
    ("LANG", "en_US.UTF-8"),
    ("PATH", "/usr/local/bin:/usr/bin:/bin"),
    ("TZ", ":UTC"),
];

/// The inputs of a function's environment.
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
    /// Whether the program runs through cargo, which needs [`PASSED_ON_TO_CARGO`].
    pub cargo: bool,
    /// `Environment.Variables` of the template.
    pub template: &'a BTreeMap<String, String>,
    /// The Region, such as `us-east-1`.
    pub region: &'a str,
    /// The access key id, such as `test`.
    pub access_key_id: &'a str,
    /// The secret access key, such as `test`.
    pub secret_access_key: &'a str,
    /// The URL of the management API.
    pub management_url: &'a str,
    /// The URL of DynamoDB, if it runs here.
    pub dynamodb_url: Option<&'a str>,
    /// The URL of Lambda's Invoke API, if it runs here.
    pub lambda_url: Option<&'a str>,
}

/// Returns the complete environment of a function's processes. `host` looks up a variable of the gateway's environment.
///
/// Later layers win: Lambda's [`DEFAULTS`], [`PASSED_ON`], the template, and the reserved variables, which are
/// Lambda's, Region, credentials, endpoints and [`CLOSED`]. `AWS_EXECUTION_ENV` is absent, as on `provided.al2023`.
/// `AWS_SESSION_TOKEN` differs between processes, so each one adds it, if there is a [session
/// token](super::Config::session_tokens).
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

/// Whether the gateway sets this variable, so that a template's value has no effect.
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

/// Returns the part of a function's [`variables`] for a program that another tool runs, such as `cargo lambda watch`.
/// It contains the template's variables, Region, credentials, endpoints and [`CLOSED`]. The tool sets Lambda's own
/// variables.
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
mod tests;
