"""A broadcast like that of AWS's samples for WebSocket APIs: one post after the other."""

import logging
import os

import boto3
from botocore.exceptions import ClientError

table = boto3.resource("dynamodb").Table(os.environ["PEERS_TABLE"])
api = boto3.client("apigatewaymanagementapi")


def handler(event, context):
    if "publish" in event:
        return broadcast(event["publish"]["data"])
    connection = event["requestContext"]["connectionId"]
    if event["requestContext"]["eventType"] == "CONNECT":
        table.put_item(Item={"connectionId": connection})
    else:
        table.delete_item(Key={"connectionId": connection})
    return {"statusCode": 200}


def broadcast(data):
    items = table.scan(ProjectionExpression="connectionId")["Items"]
    for item in items:
        try:
            api.post_to_connection(Data=data, ConnectionId=item["connectionId"])
        except api.exceptions.GoneException:
            table.delete_item(Key={"connectionId": item["connectionId"]})
        except ClientError:
            logging.exception("a post failed")
    return {"sent": len(items)}
