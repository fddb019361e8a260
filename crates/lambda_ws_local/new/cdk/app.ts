import { App, CfnOutput, Duration, RemovalPolicy, Stack } from 'aws-cdk-lib';
import { WebSocketApi, WebSocketStage } from 'aws-cdk-lib/aws-apigatewayv2';
import { WebSocketLambdaIntegration } from 'aws-cdk-lib/aws-apigatewayv2-integrations';
import { AttributeType, BillingMode, Table } from 'aws-cdk-lib/aws-dynamodb';
import { Policy, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import { Architecture, Code, Function, LoggingFormat, Runtime } from 'aws-cdk-lib/aws-lambda';
import { SqsDestination } from 'aws-cdk-lib/aws-lambda-destinations';
import { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs';
import { Queue, QueueEncryption } from 'aws-cdk-lib/aws-sqs';

const app = new App();
const stageName: string = app.node.tryGetContext('stage') ?? 'dev';
const executions = (name: string) => {
  const value = app.node.tryGetContext(name);
  if (value === undefined || /^[1-9][0-9]{0,4}$/.test(value)) return value && Number(value);
  throw new Error(`the context value ${name}=${value} is not valid: expected a number from 1 to 99999`);
};
// Each stage is a stack with its own table. Connections of another stage would cause a retry in every broadcast.
const description = '{{ project_name }}: a websocket application in one Lambda function';
const stack = new Stack(app, `{{ stack_name }}-${stageName}`, { description });
const removalPolicy = RemovalPolicy.DESTROY;

// Items expire a few hours after their connection ends, so there is nothing to keep.
const connections = new Table(stack, 'Connections', {
  partitionKey: { name: 'pk', type: AttributeType.STRING }, sortKey: { name: 'sk', type: AttributeType.STRING },
  billingMode: BillingMode.PAY_PER_REQUEST, timeToLiveAttribute: 'exp', removalPolicy,
});
// The follow-up tasks that failed at every attempt.
const undone = new Queue(stack, 'Undone', { retentionPeriod: Duration.days(14), encryption: QueueEncryption.SQS_MANAGED });
const webSocketApi = new WebSocketApi(stack, 'Api', { routeSelectionExpression: '$request.body.action' });
const stage = new WebSocketStage(stack, 'Stage', { webSocketApi, stageName, autoDeploy: true });
const program = {
  // The output of the build command in cdk.json.
  code: Code.fromAsset('target/lambda/{{ project_name }}'),
  handler: 'bootstrap',
  runtime: Runtime.PROVIDED_AL2023,
  architecture: Architecture.ARM_64, memorySize: 256,
  // A welcome message or the remaining part of a broadcast is useless after 15 minutes.
  maxEventAge: Duration.minutes(15), retryAttempts: 2,
  onFailure: new SqsDestination(undone),
  loggingFormat: LoggingFormat.JSON,
  logGroup: new LogGroup(stack, 'Logs', { retention: RetentionDays.TWO_WEEKS, removalPolicy }),
  environment: {
    CONNECTIONS_TABLE: connections.tableName,
    AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI: stage.callbackUrl,
  },
};
const reservedConcurrentExecutions = executions('reserved');
// API Gateway stops waiting for an integration after 29 s.
const handler = new Function(stack, 'Function', { ...program, timeout: Duration.seconds(29), reservedConcurrentExecutions });
// The function routes messages itself, so a new action does not need a new route here.
for (const route of ['$connect', '$disconnect', '$default']) {
  webSocketApi.addRoute(route, { integration: new WebSocketLambdaIntegration(route.slice(1), handler) });
}
stage.grantManagementApiAccess(handler);
const actions = ['BatchGetItem', 'BatchWriteItem', 'DeleteItem', 'GetItem', 'PutItem', 'Query', 'UpdateItem'];
connections.grant(handler, ...actions.map((action) => `dynamodb:${action}`));
// With `-c tasks=true` a second function runs the follow-up tasks. Three attempts fit into the 15 minutes.
const tasks = app.node.tryGetContext('tasks') === 'true' && new Function(stack, 'Tasks', {
  ...program, timeout: Duration.seconds(270), role: handler.role, reservedConcurrentExecutions: executions('tasksReserved'),
});
if (tasks) handler.addEnvironment('TASK_FUNCTION', tasks.functionName);
// The function invokes itself, or the second function, for welcome messages and large broadcasts. This is a separate
// policy, because `handler.grantInvoke(handler)` is a circular dependency.
const { functionArn } = tasks || handler;
const resources = [functionArn, `${functionArn}:*`];
const invoke = new PolicyStatement({ actions: ['lambda:InvokeFunction'], resources });
new Policy(stack, 'InvokesItself', { statements: [invoke], roles: [handler.role!] });

new CfnOutput(stack, 'Url', { value: stage.url, description: 'The URL that clients connect to' });
new CfnOutput(stack, 'FunctionName', { value: handler.functionName });
if (tasks) new CfnOutput(stack, 'TaskFunctionName', { value: tasks.functionName });
new CfnOutput(stack, 'UndoneQueue', { value: undone.queueUrl });
