//! The examined actions that managed policies and SAM policy templates allow.

/// Returns the actions that a managed policy of AWS allows; `None` if the policy is unknown.
pub(super) fn of_aws_policy(name: &str) -> Option<&'static [&'static str]> {
    Some(match name {
        "AdministratorAccess" | "PowerUserAccess" => &["*"],
        "AmazonAPIGatewayInvokeFullAccess" => {
            &["execute-api:Invoke", "execute-api:ManageConnections"]
        }
        "AmazonDynamoDBFullAccess" | "AmazonDynamoDBFullAccess_v2" => &["dynamodb:*"],
        "AWSLambda_FullAccess" => &["lambda:*"],
        "AWSLambdaRole" => &["lambda:InvokeFunction"],
        "AWSLambdaBasicExecutionRole"
        | "AWSLambdaVPCAccessExecutionRole"
        | "AWSLambdaSQSQueueExecutionRole"
        | "AWSXRayDaemonWriteAccess"
        | "AWSXrayWriteOnlyAccess"
        | "CloudWatchLambdaInsightsExecutionRolePolicy" => &[],
        _ => return None,
    })
}

/// Returns the parameter of a SAM policy template that names its resource, and the actions that it allows.
pub(super) fn of_sam_template(name: &str) -> (&'static str, &'static [&'static str]) {
    match name {
        "DynamoDBCrudPolicy" => (
            "TableName",
            &[
                "dynamodb:BatchGetItem",
                "dynamodb:BatchWriteItem",
                "dynamodb:DeleteItem",
                "dynamodb:GetItem",
                "dynamodb:PutItem",
                "dynamodb:Query",
                "dynamodb:Scan",
                "dynamodb:UpdateItem",
            ],
        ),
        "DynamoDBReadPolicy" => (
            "TableName",
            &[
                "dynamodb:BatchGetItem",
                "dynamodb:GetItem",
                "dynamodb:Query",
                "dynamodb:Scan",
            ],
        ),
        "DynamoDBWritePolicy" => (
            "TableName",
            &[
                "dynamodb:BatchWriteItem",
                "dynamodb:PutItem",
                "dynamodb:UpdateItem",
            ],
        ),
        "LambdaInvokePolicy" => ("FunctionName", &["lambda:InvokeFunction"]),
        // The other policy templates allow none of the examined actions.
        _ => ("", &[]),
    }
}
