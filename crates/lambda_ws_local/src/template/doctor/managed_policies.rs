//! Policies by name: what they allow of the actions that are examined.

/// What a managed policy of AWS allows; `None` if it is not known.
pub(super) fn of_aws(name: &str) -> Option<&'static [&'static str]> {
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

/// The parameter that names the resource of one of SAM's policy templates, and what it allows on it.
pub(super) fn of_sam(name: &str) -> (&'static str, &'static [&'static str]) {
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
        // None of the others has to do with these services.
        _ => ("", &[]),
    }
}
