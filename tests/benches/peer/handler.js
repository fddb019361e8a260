"use strict";

const {
  ApiGatewayManagementApiClient,
  PostToConnectionCommand,
} = require("@aws-sdk/client-apigatewaymanagementapi");

let client;

exports.echo = async (event) => {
  const { routeKey, connectionId } = event.requestContext;
  if (routeKey === "post") {
    client ??= new ApiGatewayManagementApiClient({
      region: "us-east-1",
      endpoint: process.env.MANAGEMENT_URL,
      credentials: { accessKeyId: "test", secretAccessKey: "test" },
    });
    await client.send(
      new PostToConnectionCommand({ ConnectionId: connectionId, Data: event.body }),
    );
    return { statusCode: 200 };
  }
  return { statusCode: 200, body: event.body };
};
