"""An ordinary Lambda handler: it shouts back what it hears."""

import json


def handler(event, context):
    route = event["requestContext"]["routeKey"]
    if route in ("$connect", "$disconnect"):
        return {"statusCode": 200}
    text = json.loads(event["body"])["text"]
    return {"statusCode": 200, "body": json.dumps({"text": text.upper(), "from": "python"})}
