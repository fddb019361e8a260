// A broadcast like that of AWS's samples for WebSocket APIs: all posts at once, with `Promise.all`.
import { ApiGatewayManagementApiClient, PostToConnectionCommand } from "@aws-sdk/client-apigatewaymanagementapi";
import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { DeleteCommand, DynamoDBDocumentClient, PutCommand, ScanCommand } from "@aws-sdk/lib-dynamodb";

const TableName = process.env.PEERS_TABLE;
// Without the catch of the samples, the first error ends the event.
const catches = process.env.CATCH !== "off";
const table = DynamoDBDocumentClient.from(new DynamoDBClient({}));
const api = new ApiGatewayManagementApiClient({});

export async function handler(event) {
    if (event.publish) {
        return await broadcast(event.publish.data);
    }
    const { eventType, connectionId } = event.requestContext;
    if (eventType === "CONNECT") {
        await table.send(new PutCommand({ TableName, Item: { connectionId } }));
    } else {
        await table.send(new DeleteCommand({ TableName, Key: { connectionId } }));
    }
    return { statusCode: 200 };
}

async function broadcast(data) {
    const { Items } = await table.send(new ScanCommand({ TableName, ProjectionExpression: "connectionId" }));
    const posts = Items.map(async ({ connectionId }) => {
        try {
            await api.send(new PostToConnectionCommand({ ConnectionId: connectionId, Data: data }));
        } catch (error) {
            if (!catches) {
                throw error;
            }
            if (error.$metadata?.httpStatusCode === 410) {
                await table.send(new DeleteCommand({ TableName, Key: { connectionId } }));
            } else {
                console.error(error);
            }
        }
    });
    await Promise.all(posts);
    return { sent: posts.length };
}
