"""The function against another DynamoDB than that of the gateway: moto's."""

import contextlib
import subprocess
import unittest

import toolchain
from gateway import serve

TABLE = {
    "TableName": "Connections",
    "BillingMode": "PAY_PER_REQUEST",
    "AttributeDefinitions": [
        {"AttributeName": "pk", "AttributeType": "S"},
        {"AttributeName": "sk", "AttributeType": "S"},
    ],
    "KeySchema": [
        {"AttributeName": "pk", "KeyType": "HASH"},
        {"AttributeName": "sk", "KeyType": "RANGE"},
    ],
}


class Moto(unittest.TestCase):
    def setUp(self):
        toolchain.build("--bin=chat")
        port = toolchain.free_port()
        self.url = f"http://127.0.0.1:{port}"
        command = [toolchain.TOOLS / "moto_server", "--host", "127.0.0.1", "--port", str(port)]
        moto = self.enterContext(toolchain.running(command, env=toolchain.bare(), stderr=subprocess.DEVNULL))
        toolchain.listens(moto, port)
        import boto3

        account = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": "us-east-1"}
        boto3.client("dynamodb", endpoint_url=self.url, **account).create_table(**TABLE)

    @contextlib.contextmanager
    def gateway(self):
        """A gateway whose function keeps its connections in moto."""
        with serve("--", "env", f"AWS_ENDPOINT_URL_DYNAMODB={self.url}", str(toolchain.CHAT)) as gateway:
            gateway.dynamodb = self.url
            yield gateway

    def test_two_people_chat(self):
        with self.gateway() as gateway:
            toolchain.chat(self, gateway)


if __name__ == "__main__":
    unittest.main()
