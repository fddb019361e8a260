//! Whole templates, as tools and public projects generate them.

use super::*;
use crate::template::{Authorization, Integration, Package};

const CDK: &str = include_str!("fixtures/cdk.json");
const SERVERLESS: &str = include_str!("fixtures/serverless.json");
const CONDITIONS: &str = include_str!("fixtures/conditions.yaml");
const PACKAGED: &str = include_str!("fixtures/packaged.yaml");

/// Returns the routes with their key, their integration, and an arrow that shows whether they are two-way.
fn routes(template: &Template) -> Vec<String> {
    let routes = template.apis[0].routes.iter().map(|route| {
        let answers = match &route.integration {
            Integration::Function(id) => id.clone(),
            Integration::Mock(mock) => format!("mock {}", mock.status),
            Integration::Unsupported(why) => why.clone(),
        };
        let arrow = if route.two_way { "<->" } else { "->" };
        format!("{} {arrow} {answers}", route.key)
    });
    routes.collect()
}

fn packages(template: &Template) -> Vec<(&str, Package)> {
    let functions = template.functions.iter();
    functions
        .map(|one| (&*one.logical_id, one.package))
        .collect()
}

#[test]
fn fault_f26_a_cdk_template_is_read_unmodified() {
    let path = Path::new("cdk.out/ChatStack.template.json");
    let template = Template::parse(CDK, path, &Options::default()).expect("a template");
    let expected = [
        "$connect -> Chat26DEB33F",
        "$disconnect -> Chat26DEB33F",
        "$default -> Chat26DEB33F",
        "ping -> mock 200",
        "say <-> Chat26DEB33F",
    ];
    assert_eq!(routes(&template), expected);
    let authorization = &template.apis[0].routes[0].authorization;
    assert!(matches!(authorization, Authorization::Lambda(one) if one.function == "AuthC256A5EC"));
    let expected = [
        ("Chat26DEB33F", Package::Local),
        ("AuthC256A5EC", Package::Local),
        ("Inline6CF80F9D", Package::Inline),
    ];
    assert_eq!(packages(&template), expected);
    let chat = &template.functions[0];
    let asset = "cdk.out/asset.ec6a7104c6211eeb6999dd6acb5d5d8e0e36bf463d05e5bfb06f8b9fbd67001b";
    assert_eq!(chat.code, Path::new(asset));
    let table = &template.tables[0].name;
    assert_eq!(&chat.environment["CONNECTIONS_TABLE"], table);
    let endpoint = &chat.environment["AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI"];
    assert!(endpoint.ends_with(".execute-api.us-east-1.amazonaws.com/prod"));
    let notes: Vec<_> = template.notes.iter().map(|note| &*note.text).collect();
    assert_eq!(notes.len(), 1, "{notes:#?}");
    let expected = " (ChatStack/Api/ping-Route/Resource)";
    assert!(notes[0].ends_with(expected), "{notes:#?}");
}

#[test]
fn fault_f26_problems_contain_the_cdk_construct() {
    let text = CDK.replace("\"Timeout\": 10", "\"Timeout\": 901");
    let error = errors(&text);
    let expected = "template.yaml:204 (ChatStack/Chat/Resource): `Timeout` of function `Chat26DEB33F` is `901`";
    assert!(error.starts_with(expected), "{error}");
    // A section after the resources belongs to no construct.
    let condition = "\"Ref\": \"AWS::Region\"\n        },\n        \"us-east-1\"";
    let text = CDK.replace(condition, &condition.replace("Region", "Regio"));
    let error = errors(&text);
    let expected = ": `AWS::Regio` is not in the template";
    assert!(error.contains(expected), "{error}");
    assert!(!error.contains(" (ChatStack"), "{error}");
}

#[test]
fn a_compiled_template_of_the_serverless_framework_is_read() {
    let template = read(SERVERLESS);
    let expected = [
        "$connect -> ChatLambdaFunction",
        "$disconnect -> ChatLambdaFunction",
        "$default <-> ChatLambdaFunction",
    ];
    assert_eq!(routes(&template), expected);
    for (id, package) in packages(&template) {
        assert_eq!(package, Package::Bucket, "{id}");
    }
    let environment = &template.functions[0].environment;
    assert_eq!(environment["TABLE"], "chat-dev-connections");
    assert_eq!(environment["BUCKET"], "");
    let expected = "arn:aws:iam::000000000000:role/chat-dev-us-east-1-lambdaRole";
    assert_eq!(environment["ROLE"], expected);
    let noted = notes(SERVERLESS);
    assert_eq!(noted.len(), 1, "{noted:#?}");
}

#[test]
fn parts_that_do_not_run_locally_require_no_parameters() {
    let template = read(CONDITIONS);
    let expected = [
        "$connect -> Chat",
        "chat/say <-> Chat",
        "chat/queue -> an integration of type AWS",
    ];
    assert_eq!(routes(&template), expected);
    let chat = &template.functions[0];
    assert_eq!((&*chat.name, chat.timeout.as_secs()), ("Chat", 10));
    let variables = chat.environment.iter();
    let environment: Vec<_> = variables.map(|(n, v)| format!("{n}={v}")).collect();
    let id = &template.apis[0].id;
    let api = format!("API={id}.execute-api.us-east-1.amazonaws.com");
    assert_eq!(environment, [&*api, "TABLE=local-T", "TOPIC="]);
    insta::assert_snapshot!(notes(CONDITIONS).join("\n"));
    let domain = ("DomainName", "chat.example.com");
    let given = options(&[("Env", "prod"), domain, ("Suffix", "a")]);
    let template = parse(CONDITIONS, &given).expect("a template");
    let chat = &template.functions[0];
    assert_eq!(&*chat.name, "chat-prod-a");
    assert_eq!(&*chat.environment["DOMAIN"], "chat.example.com");
    assert_eq!(template.apis[0].stage, "prod");
}

#[test]
fn a_template_that_sam_packaged_is_read() {
    let template = read(PACKAGED);
    let expected = [
        "$connect -> OnConnectFunction",
        "$disconnect -> OnDisconnectFunction",
        "sendmessage -> SendMessageFunction",
    ];
    assert_eq!(routes(&template), expected);
    for (id, package) in packages(&template) {
        assert_eq!(package, Package::Bucket, "{id}");
    }
    let environment = &template.functions[2].environment;
    assert_eq!(environment["TABLE_NAME"], "local-Db");
    let expected = "arn:aws:iam::000000000000:role/SendMessageFunctionRole";
    assert_eq!(environment["ROLE"], expected);
    let warning = template.notes.iter().find(|note| note.is_warning);
    assert_eq!(warning, None);
}
