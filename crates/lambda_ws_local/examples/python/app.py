"""An ordinary Lambda handler. It replies with the text in upper case."""

import json


def handler(event, context):
    route = event["requestContext"]["routeKey"]
    if route in ("$connect", "$disconnect"):
        return {"statusCode": 200}
    text = json.loads(event["body"])["text"]
    return {"statusCode": 200, "body": json.dumps({"text": text.upper(), "from": "python"})}
