"""A CDK app with nested stacks and a `RustFunction` of cargo-lambda-cdk runs locally, and the doctor examines it."""

import json
import os
import shutil
import subprocess
import unittest
import unittest.mock

from harness.gateway import serve
from harness.programs import COMPILE_TIMEOUT, ROOT, TARGET, TIMEOUT, build, environment_without_aws
from websockets.sync.client import connect

GATEWAY = TARGET / "debug/lambda-ws-local"
# The versions of a new project.
VERSIONS = json.loads((ROOT / "crates/lambda_ws_local/new/cdk/package.json").read_text())
VERSIONS = VERSIONS["dependencies"] | VERSIONS["devDependencies"]
PACKAGES = ["aws-cdk-lib", "constructs", "aws-cdk", "tsx"]
CONSTRUCTS = "cargo-lambda-cdk@0.0.36"
# The options of cargo, without another target folder: `RustFunction` puts its program into that of the package.
UNSET = ("CARGO_TARGET_DIR", "CARGO_BUILD_TARGET_DIR")

APP = """
import { App, NestedStack, Stack, Duration } from 'aws-cdk-lib';
import { WebSocketApi, WebSocketStage } from 'aws-cdk-lib/aws-apigatewayv2';
import { WebSocketLambdaIntegration } from 'aws-cdk-lib/aws-apigatewayv2-integrations';
import { AttributeType, BillingMode, Table } from 'aws-cdk-lib/aws-dynamodb';
import { RustFunction } from 'cargo-lambda-cdk';

const app = new App();
const stack = new Stack(app, 'tea');
const table = (scope: NestedStack) => new Table(scope, 'Connections', {
  partitionKey: { name: 'pk', type: AttributeType.STRING }, sortKey: { name: 'sk', type: AttributeType.STRING },
  billingMode: BillingMode.PAY_PER_REQUEST, timeToLiveAttribute: 'exp',
});
const connections = table(new NestedStack(stack, 'Data'));
// A second nested stack with the same logical ids.
const orders = table(new NestedStack(stack, 'Orders'));
const code = new NestedStack(stack, 'Code');
const handler = new RustFunction(code, 'Function', {
  manifestPath: 'service/Cargo.toml', binaryName: 'tea-service', timeout: Duration.seconds(29),
  environment: { CONNECTIONS_TABLE: connections.tableName, ORDERS_TABLE: orders.tableName },
});
// A nested stack inside a nested stack.
const edge = new NestedStack(new NestedStack(stack, 'Outer'), 'Edge');
const webSocketApi = new WebSocketApi(edge, 'Api', { routeSelectionExpression: '$request.body.action' });
new WebSocketStage(edge, 'Stage', { webSocketApi, stageName: 'dev', autoDeploy: true });
for (const route of ['$connect', '$disconnect', '$default']) {
  const integration = new WebSocketLambdaIntegration(route.slice(1), handler);
  webSocketApi.addRoute(route, { integration, returnResponse: route === '$default' });
}
"""

# Two binaries without dependencies, so that they compile quickly. This one answers each event with its tables.
# The folder is in this repository, and not in its workspace.
MANIFEST = """
[workspace]

[package]
name = "service"
version = "0.1.0"
edition = "2021"

[[bin]]
name = "tea-service"
path = "src/main.rs"

[[bin]]
name = "other"
path = "src/other.rs"
"""
PROGRAM = r"""
use std::env::var;
use std::io::{Read, Write};
use std::net::TcpStream;

fn call(request: String) -> String {
    let mut stream = TcpStream::connect(var("AWS_LAMBDA_RUNTIME_API").unwrap()).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).unwrap();
    response
}

fn main() {
    let tables = format!("{} {}", var("CONNECTIONS_TABLE").unwrap(), var("ORDERS_TABLE").unwrap());
    let answer = format!("{{\"statusCode\":200,\"body\":\"{tables}\"}}");
    let base = "/2018-06-01/runtime/invocation";
    let end = "HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n";
    loop {
        let event = call(format!("GET {base}/next {end}\r\n"));
        let mut headers = event.lines().filter_map(|line| line.split_once(':'));
        let id = headers.find(|(name, _)| name.eq_ignore_ascii_case("lambda-runtime-aws-request-id"));
        let id = id.unwrap().1.trim();
        let length = answer.len();
        call(format!("POST {base}/{id}/response {end}content-length: {length}\r\n\r\n{answer}"));
    }
}
"""


class NestedStacks(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        build("lambda-ws-local")
        # In this repository, so that the same toolchain compiles it.
        cls.folder = folder = TARGET / "tools/cdk-nested"
        shutil.rmtree(folder, ignore_errors=True)
        (folder / "service/src").mkdir(parents=True)
        cls.addClassCleanup(shutil.rmtree, folder)
        (folder / "package.json").write_text('{"private": true}')
        (folder / "cdk.json").write_text('{"app": "npx tsx app.ts"}')
        (folder / "app.ts").write_text(APP)
        (folder / "service/Cargo.toml").write_text(MANIFEST)
        (folder / "service/src/main.rs").write_text(PROGRAM)
        (folder / "service/src/other.rs").write_text('fn main() { println!("another program"); }')
        packages = [f"{name}@{VERSIONS[name]}" for name in PACKAGES]
        cls.run_program("npm", "install", "--no-audit", "--no-fund", *packages, CONSTRUCTS)
        # cargo-lambda-cdk calls `cargo lambda build`.
        cls.run_program("node_modules/.bin/cdk", "synth", "--quiet", "--no-notices")

    @classmethod
    def run_program(cls, *command, status=0):
        environment = environment_without_aws(CI="1", CDK_DISABLE_VERSION_CHECK="1")
        for name in UNSET:
            environment.pop(name, None)
        ended = subprocess.run(
            [str(part) for part in command],
            cwd=cls.folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=COMPILE_TIMEOUT,
        )
        assert ended.returncode == status, ended
        return ended.stdout

    def test_the_doctor_examines_nested_stacks(self):
        verdict = self.run_program(GATEWAY, "doctor")
        self.assertIn("no known mistakes, 1 remark (examined: 1 WebSocket API, 3 routes, 1 function)", verdict)
        self.assertIn("remark: function `tea/Code/Function` has no log group", verdict)

    def test_the_doctor_names_the_constructs_of_a_mistake(self):
        [template] = (self.folder / "cdk.out").glob("teaOuterEdge*.nested.template.json")
        before = template.read_text()
        self.addCleanup(template.write_text, before)
        edge = json.loads(before)
        resources = edge["Resources"].items()
        edge["Resources"] = {id: one for id, one in resources if one["Type"] != "AWS::Lambda::Permission"}
        template.write_text(json.dumps(edge))
        verdict = self.run_program(GATEWAY, "doctor", status=1)
        self.assertIn("`tea/Code/Function`", verdict)
        self.assertIn("[lambda-permission]", verdict)
        self.assertIn("in CDK: tea/Outer/Edge/Api", verdict)

    def test_the_gateway_builds_the_program_of_the_rust_function(self):
        [bootstrap] = (self.folder / "cdk.out").glob("asset.*/bootstrap")
        # The program in the asset does not run, as one for another processor.
        bootstrap.chmod(0o644)
        with unittest.mock.patch.dict(os.environ):
            for name in UNSET:
                os.environ.pop(name, None)
            with serve(gateway=[GATEWAY], folder=self.folder) as gateway:
                self.assertTrue(gateway.websocket.endswith("/dev"), gateway.websocket)
                with connect(gateway.websocket, open_timeout=TIMEOUT) as client:
                    client.send("hello")
                    connections, orders = client.recv(timeout=TIMEOUT).split()
        # The names of the tables are values of parameters. Both tables have the same logical id.
        self.assertTrue(connections.startswith("Connections"), connections)
        self.assertTrue(orders.startswith("OrdersNestedStack") and orders.endswith(connections), orders)


if __name__ == "__main__":
    unittest.main()
