use super::*;
use crate::template::Models;
use serde_json::json;

/// Returns the raw template with models, and with these lines in the route `say`.
fn with(models: &str, route: &str) -> String {
    RAW.replacen(
        "      RouteKey: say\n",
        &format!("      RouteKey: say\n{route}"),
        1,
    )
    .replacen("  SayResponse:\n", &format!("{models}  SayResponse:\n"), 1)
}

/// Returns a model with the name `Say` and this schema.
fn model(schema: &str) -> String {
    format!(
        "  SayModel:
    Type: AWS::ApiGatewayV2::Model
    Properties:
      ApiId: !Ref Api
      Name: Say
      ContentType: application/json
      Schema: {schema}\n"
    )
}

const CHECKED: &str = "      ModelSelectionExpression: $request.body.action
      RequestModels: { say: Say }\n";

fn models(text: &str) -> Option<Models> {
    let api = read(text).apis.remove(0);
    let route = api.routes.into_iter().find(|route| route.key == "say");
    route.unwrap().models
}

#[test]
fn d7_models_are_read_from_yaml_with_numbers_and_booleans() {
    let schema = "
        $schema: http://json-schema.org/draft-04/schema#
        type: object
        required: [text]
        additionalProperties: false
        properties:
          action: { enum: [say, \"1\", 1, 1.5, true, null] }
          text: { type: string, minLength: 1, pattern: !Sub \"^${AWS::Region}\" }";
    let models = models(&with(&model(schema), CHECKED)).unwrap();
    assert_eq!(models.selection.to_string(), "$request.body.action");
    let expected = json!({
        "$schema": "http://json-schema.org/draft-04/schema#",
        "type": "object",
        "required": ["text"],
        "additionalProperties": false,
        "properties": {
            "action": {"enum": ["say", "1", 1, 1.5, true, null]},
            "text": {"type": "string", "minLength": 1, "pattern": "^us-east-1"},
        },
    });
    assert_eq!(models.schemas["say"], expected);
    models.compile().unwrap();
}

#[test]
fn d7_a_schema_can_be_json_or_a_string_of_json() {
    for schema in [
        r#"{"type": "object", "minProperties": 1}"#,
        r#"'{"type": "object", "minProperties": 1}'"#,
        "|\n        {\"type\": \"object\",\n         \"minProperties\": 1}",
    ] {
        let models = models(&with(&model(schema), CHECKED)).unwrap();
        let expected = json!({"type": "object", "minProperties": 1});
        assert_eq!(models.schemas["say"], expected, "{schema}");
    }
}

#[test]
fn d7_routes_of_a_sam_api_have_models() {
    let text = SAM
        .replacen(
            "          IntegrationTimeout: 5000\n",
            "          IntegrationTimeout: 5000
          ModelSelectionExpression: $default
          RequestModels: { $default: Say }\n",
            1,
        )
        .replacen(
            "  SendMessageResponse:\n",
            "  Say:
    Type: AWS::ApiGatewayV2::Model
    Properties: { ApiId: !Ref ChatApi, Name: Say, Schema: { type: object } }
  SendMessageResponse:\n",
            1,
        );
    let template = read(&text);
    let models = template.apis[0].routes[3].models.as_ref().unwrap();
    assert_eq!(models.selection.to_string(), r"\$default");
    assert_eq!(models.schemas["$default"], json!({"type": "object"}));
    assert_eq!(template.notes, []);
}

#[test]
fn a_model_that_aws_rejects_is_a_problem_with_its_line() {
    let object = model("{ type: object }");
    let change = |from: &str, to: &str| errors(&with(&object.replacen(from, to, 1), CHECKED));
    insta::assert_snapshot!(
        [
            change("{ type: object }", "{ type: thing }"),
            change(
                "{ type: object }",
                "{ properties: { a: { minLength: -1 } } }"
            ),
            change(
                "{ type: object }",
                "{ $ref: \"http://127.0.0.1:9/x.json\" }"
            ),
            change("{ type: object }", "'{ type'"),
            change("{ type: object }", "!Ref Nothing"),
            change("      Schema: { type: object }\n", ""),
            change("Name: Say", "Name: Say-it"),
            change("application/json", "text/plain"),
            errors(&with(&object, &CHECKED.replace("say: Say", "say: Sya"))),
            errors(&with("", CHECKED)),
            errors(&with(
                &object,
                &CHECKED.replace("$request.body.action", "$request.header.a")
            )),
        ]
        .join("\n")
    );
}

#[test]
fn a_pattern_that_is_not_checked_is_noted() {
    let of = |pattern: &str| model(&format!("{{ pattern: '{pattern}' }}"));
    let notes = notes(&with(&of("a(?=b)"), CHECKED));
    let expected = "the pattern `a(?=b)` of model `SayModel` is not checked locally";
    assert!(
        notes.iter().any(|note| note.contains(expected)),
        "{notes:#?}"
    );
    let notes = self::notes(&with(&of("^(?!a)b"), CHECKED));
    assert!(
        !notes.iter().any(|note| note.contains("not checked")),
        "{notes:#?}"
    );
}

#[test]
fn models_without_effect_are_noted() {
    let object = model("{ type: object }");
    let (expression, request_models) = CHECKED.split_once('\n').unwrap();
    let noted = |text: &str, expected: &str| {
        let notes = notes(text);
        assert!(
            notes.iter().any(|note| note.contains(expected)),
            "{notes:#?}"
        );
    };
    let without = with(&object, request_models);
    assert_eq!(models(&without), None);
    noted(
        &without,
        "have no effect without a `ModelSelectionExpression`",
    );
    let every = with(&object, &format!("{expression}\n"));
    assert!(models(&every).unwrap().schemas.is_empty());
    noted(&every, "every message fails, as on AWS");
    let to = format!("      RouteKey: $connect\n{CHECKED}");
    let connect = RAW.replacen("      RouteKey: $connect\n", &to, 1);
    noted(
        &connect,
        "the models of route `$connect` have no effect, because it receives no messages",
    );
    noted(
        &with(
            "",
            "      RequestParameters: { route.request.querystring.a: { Required: true } }\n",
        ),
        "`RequestParameters` of route `say` are not checked",
    );
}
