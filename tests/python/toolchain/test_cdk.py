"""A new CDK project deploys what a new SAM project deploys, and its synthesized template runs locally."""

import json
import os
import re
import shutil
import subprocess
import unittest
import unittest.mock

from harness.gateway import serve
from harness.programs import COMPILE_TIMEOUT, ROOT, TARGET, TIMEOUT, build, environment_without_aws
from samcli.yamlhelper import yaml_parse
from samtranslator.translator.transform import transform
from websockets.sync.client import connect

NAME = "tea-room"
GATEWAY = TARGET / "debug/lambda-ws-local"
# The table of differences, which explains each of them.
PAGE = ROOT / "crates/lambda_ws_local/docs/templates.md"
# The oldest Node.js that the CDK supports, and the package with another one.
NODE = 20
PACKAGE = ROOT / "crates/lambda_ws_client/js/package.json"

# The values of the SAM template's parameters and of pseudo parameters in a comparison.
VALUES = {
    "StageName": "dev",
    "ReservedConcurrentExecutions": "",
    "TaskFunction": "false",
    "TaskConcurrentExecutions": "",
    "AWS::Partition": "aws",
}
# The constructs of the CDK app with the ids of the SAM template.
CONSTRUCTS = {
    "Function/ServiceRole": "FunctionRole",
    "Function/ServiceRole/DefaultPolicy": "FunctionPolicy",
    "Function/EventInvokeConfig": "FunctionEventInvokeConfig",
    "InvokesItself": "FunctionInvokesItself",
    "Tasks/EventInvokeConfig": "TasksEventInvokeConfig",
    "Stage": "ApiStage",
} | {
    f"Api/${name}-Route{inner.format(name)}": f"Api{name.title()}{kind}"
    for name in ("connect", "disconnect", "default")
    for inner, kind in (("", "Route"), ("/{}", "Integration"), ("/{}-Permission", "Permission"))
}
POLICIES = {"AWS::IAM::Policy"}


# The end-to-end suite compiles a new project with the same settings, in the same folder.
CARGO = {"CARGO_TARGET_DIR": str(TARGET / "own-project"), "CARGO_PROFILE_DEV_DEBUG": "false"}


def run(*command, folder, status=0):
    """Runs a program to its end, and returns its output."""
    ended = subprocess.run(
        [str(part) for part in command],
        cwd=folder,
        env=environment_without_aws(CI="1", CDK_DISABLE_VERSION_CHECK="1", **CARGO),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        timeout=COMPILE_TIMEOUT,
    )
    assert ended.returncode == status, ended
    return ended.stdout if status == 0 else ended.stderr


def synthesized(folder, *context):
    """Synthesizes the app without the build command, and returns the path of its template."""
    run("npm", "run", "synth", "--", "--no-notices", "--build=true", *context, folder=folder)
    manifest = json.loads((folder / "cdk.out/manifest.json").read_text())
    stacks = [one for one in manifest["artifacts"].values() if one["type"] == "aws:cloudformation:stack"]
    [stack] = stacks
    return folder / "cdk.out" / stack["properties"]["templateFile"]


def transformed(text):
    """Returns the template that SAM sends to CloudFormation."""
    template = yaml_parse(text)
    # The transform reads uploaded code.
    for function in ("Function", "Tasks"):
        template["Resources"][function]["Properties"]["CodeUri"] = "s3://bucket/key"
    policies = unittest.mock.Mock()
    name = "AWSLambdaBasicExecutionRole"
    policies.load.return_value = {name: f"arn:aws:iam::aws:policy/service-role/{name}"}
    with unittest.mock.patch.dict(os.environ, AWS_DEFAULT_REGION="us-east-1"):
        return transform(template, {}, policies)


class Template:
    """A template whose values are comparable: references are texts such as `${Api}`, with the ids of SAM."""

    def __init__(self, template, stack=None, **values):
        self.template = template
        self.values = VALUES | values
        self.names = {}
        for part in ("Resources", "Outputs"):
            template[part] = {id: one for id, one in template[part].items() if self.exists(one)}
        for id, resource in template["Resources"].items():
            path = resource.get("Metadata", {}).get("aws:cdk:path", "")
            path = path.removeprefix(f"{stack}/").removesuffix("/Resource")
            self.names[id] = CONSTRUCTS.get(path, path) or id

    def resources(self):
        """Returns the resources without the permissions of the role, by name and property."""
        found = {}
        for id, resource in self.template["Resources"].items():
            if resource["Type"] in POLICIES:
                continue
            if resource["Type"] == "AWS::CDK::Metadata":
                found[f"{id}.Type"] = resource["Type"]
                continue
            parts = {"Type": resource["Type"]}
            for name in ("DeletionPolicy", "UpdateReplacePolicy"):
                # The default of CloudFormation.
                parts[name] = resource.get(name, "Delete")
            values = self.plain(resource.get("Properties", {}))
            for name in ("Policies", "Code"):
                values.pop(name, None)
            parts |= {name: value for name, value in values.items() if value is not None}
            found |= {f"{self.names[id]}.{name}": value for name, value in parts.items()}
        return found

    def permissions(self):
        """Returns the allowed actions of the function's role, each with one resource."""
        documents = []
        for id, resource in self.template["Resources"].items():
            properties = resource.get("Properties", {})
            if resource["Type"] == "AWS::IAM::Role":
                assert self.names[id] == "FunctionRole", id
                documents += [policy["PolicyDocument"] for policy in properties.get("Policies", [])]
            if resource["Type"] in POLICIES:
                assert self.plain(properties["Roles"]) == "${FunctionRole}", properties
                documents.append(properties["PolicyDocument"])
        pairs = set()
        for statement in (one for document in documents for one in document["Statement"]):
            assert statement["Effect"] == "Allow" and statement.keys() == {"Effect", "Action", "Resource"}, statement
            for action in listed(statement["Action"]):
                pairs |= {f"{action} on {resource}" for resource in listed(self.plain(statement["Resource"]))}
        return pairs

    def outputs(self):
        return {name: self.plain(output["Value"]) for name, output in self.template["Outputs"].items()}

    def plain(self, value):
        """Returns a value without functions. A list of one value is this value."""
        match value:
            case {"Ref": "AWS::NoValue"}:
                return None
            case {"Ref": name}:
                return self.name(name)
            case {"Fn::GetAtt": [name, attribute]}:
                return f"${{{self.names[name]}.{attribute}}}"
            case {"Fn::Join": [delimiter, parts]}:
                return delimiter.join(self.plain(part) for part in parts)
            case {"Fn::Sub": [text, variables]}:
                return self.substituted(text, variables)
            case {"Fn::Sub": text}:
                return self.substituted(text, {})
            case {"Fn::If": [condition, yes, no]}:
                return self.plain(yes if self.holds(self.template["Conditions"][condition]) else no)
            case dict():
                assert not any(name.startswith("Fn::") for name in value), value
                plain = {name: self.plain(one) for name, one in value.items()}
                return {name: one for name, one in plain.items() if one is not None}
            case [one]:
                return self.plain(one)
            case list():
                return [self.plain(one) for one in value]
        return value

    def substituted(self, text, variables):
        def found(match):
            name, _, attribute = match["name"].partition(".")
            if name in variables:
                return self.plain(variables[name])
            # The attribute with the id of an API is also its reference.
            return self.plain({"Fn::GetAtt": [name, attribute]} if attribute not in ("", "ApiId") else {"Ref": name})

        return re.sub(r"\$\{(?P<name>[A-Za-z0-9_:.]+)\}", found, text)

    def name(self, name):
        return self.values.get(name, f"${{{self.names.get(name, name)}}}")

    def exists(self, part):
        condition = part.get("Condition")
        # The condition of the CDK lists the Regions, and ours is one of them.
        return condition in (None, "CDKMetadataAvailable") or self.holds(self.template["Conditions"][condition])

    def holds(self, condition):
        match condition:
            case {"Fn::Not": [one]}:
                return not self.holds(one)
            case {"Fn::Equals": [left, right]}:
                return self.plain(left) == self.plain(right)
        raise AssertionError(f"{condition} is not a condition that this suite can compare")


def listed(one):
    return one if isinstance(one, list) else [one]


def differences(sam, cdk):
    """Returns one line for each difference between two templates."""
    found = set()
    ours, theirs = sam.resources(), cdk.resources()
    found |= {name for name in ours.keys() | theirs.keys() if ours.get(name) != theirs.get(name)}
    ours, theirs = sam.permissions(), cdk.permissions()
    found |= {f"SAM allows {pair}" for pair in ours - theirs} | {f"CDK allows {pair}" for pair in theirs - ours}
    ours, theirs = sam.outputs(), cdk.outputs()
    found |= {f"output {name}" for name in ours.keys() | theirs.keys() if ours.get(name) != theirs.get(name)}
    if sam.template["Description"] != cdk.template["Description"]:
        found.add("description")
    parameters = sam.template["Parameters"].keys(), cdk.template["Parameters"].keys()
    return found | {f"parameter {name}" for name in parameters[0] ^ parameters[1]}


def explained():
    """Returns the differences that the page explains."""
    _, _, section = PAGE.read_text().partition("\n## Projects of SAM and the CDK\n")
    table = section.partition("\n## ")[0]
    rows = re.findall(r"^\| (`.*`) \| (\S.*) \|$", table, re.MULTILINE)
    return {name for cell, _ in rows for name in re.findall(r"`([^`]+)`", cell)}


class Cdk(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        build("lambda-ws-local")
        # In this repository, so that the same toolchain compiles it.
        folder = TARGET / "tools/cdk"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        cls.addClassCleanup(shutil.rmtree, folder)
        cls.folder = folder / NAME
        run(GATEWAY, "new", NAME, "--deploy=cdk", "--lambda-ws", ROOT, folder=folder)
        run(GATEWAY, "new", NAME, "--path=sam", folder=folder)
        cls.sam = (folder / "sam/template.yaml").read_text()
        shutil.copy(ROOT / "Cargo.lock", cls.folder)
        run("npm", "install", "--no-audit", "--no-fund", folder=cls.folder)
        version = run("node", "--version", folder=cls.folder)
        if int(version.removeprefix("v").partition(".")[0]) < NODE:
            node = json.loads(PACKAGE.read_text())["devDependencies"]["node"]
            run("npm", "install", "--no-save", "--no-audit", "--no-fund", f"node@{node}", folder=cls.folder)
        # The program of this machine is in the place of the one for Lambda.
        run("cargo", "build", "--quiet", folder=cls.folder)
        output = cls.folder / "target/lambda" / NAME
        output.mkdir(parents=True)
        shutil.copy(TARGET / "own-project/debug" / NAME, output / "bootstrap")
        cls.template = synthesized(cls.folder)

    def test_the_types_of_the_app_are_right(self):
        run("npm", "run", "check", folder=self.folder)

    def test_it_deploys_what_a_sam_project_deploys(self):
        sam = Template(transformed(self.sam))
        cdk = Template(json.loads(self.template.read_text()), stack=f"{NAME}-dev")
        found = differences(sam, cdk)
        self.assertEqual(sorted(found - explained()), [], f"{PAGE.name} does not explain these differences")
        self.assertEqual(sorted(explained() - found), [], f"{PAGE.name} explains differences that do not exist")

    def test_the_second_function_is_the_one_of_a_sam_project(self):
        output = ["--output=cdk.out.tasks"]
        context = ["--context=tasks=true", "--context=tasksReserved=10"]
        run("npm", "run", "synth", "--", "--no-notices", "--build=true", *output, *context, folder=self.folder)
        template = json.loads((self.folder / f"cdk.out.tasks/{NAME}-dev.template.json").read_text())
        sam = Template(transformed(self.sam), TaskFunction="true", TaskConcurrentExecutions=10)
        cdk = Template(template, stack=f"{NAME}-dev")
        found = {line.replace("Tasks.", "Function.") for line in differences(sam, cdk)}
        self.assertEqual(sorted(found - explained()), [])
        self.assertIn("Tasks.ReservedConcurrentExecutions", cdk.resources())

    def test_context_values_replace_the_parameters_of_sam(self):
        output = ["--output=cdk.out.prod"]
        context = ["--context=stage=prod", "--context=reserved=50"]
        run("npm", "run", "synth", "--", "--no-notices", "--build=true", *output, *context, folder=self.folder)
        template = json.loads((self.folder / f"cdk.out.prod/{NAME}-prod.template.json").read_text())
        values = [one["Properties"] for one in template["Resources"].values() if "Properties" in one]
        self.assertIn("prod", [one.get("StageName") for one in values])
        self.assertIn(50, [one.get("ReservedConcurrentExecutions") for one in values])
        context = ["--context=reserved=many"]
        error = run(
            "npm", "run", "synth", "--", "--no-notices", "--build=true", *output, *context, folder=self.folder, status=1
        )
        self.assertIn("reserved=many is not valid: expected a number from 1 to 99999", error)

    def test_the_doctor_finds_the_template_and_no_mistake(self):
        verdict = run(GATEWAY, "doctor", folder=self.folder)
        examined = "1 WebSocket API, 3 routes, 1 function"
        # With the rules for the library, because the program of the asset depends on it.
        self.assertEqual(verdict, f"cdk.out/{NAME}-dev.template.json: no known mistakes (examined: {examined})\n")

    def test_the_gateway_builds_the_program_and_serves_it(self):
        asset = next(self.template.parent.glob("asset.*/bootstrap"))
        # The program in the asset does not run, as one for another processor.
        asset.chmod(0o644)
        with unittest.mock.patch.dict(os.environ, CARGO):
            for options in ([], ["-t", f"cdk.out/{self.template.name}"]):
                with self.subTest(options=options):
                    self.converse(options)

    def converse(self, options):
        with serve(*options, gateway=[GATEWAY], folder=self.folder) as gateway:
            self.assertTrue(gateway.websocket.endswith("/dev"), gateway.websocket)
            url = f"{gateway.websocket}?user="
            with connect(f"{url}ann", open_timeout=TIMEOUT) as ann, connect(f"{url}bob", open_timeout=TIMEOUT) as bob:
                for client, user in ((ann, "ann"), (bob, "bob")):
                    client.send('{"action":"join","room":"tea"}')
                    joined = {"type": "joined", "room": "tea", "user": user}
                    self.assertEqual(json.loads(client.recv(timeout=TIMEOUT)), joined)
                self.assertEqual(json.loads(ann.recv(timeout=TIMEOUT))["user"], "bob")
                bob.send('{"action":"say","room":"tea","text":"hi"}')
                said = {"type": "said", "room": "tea", "user": "bob", "text": "hi"}
                for client in (ann, bob):
                    self.assertEqual(json.loads(client.recv(timeout=TIMEOUT)), said)

    def test_several_stacks_with_an_api_are_listed(self):
        app = (self.folder / "app.ts").read_text()
        app += "\nnew WebSocketApi(new Stack(app, 'other'), 'Api');\n"
        (self.folder / "two.ts").write_text(app)
        settings = self.folder / "cdk.json"
        before = settings.read_text()
        settings.write_text('{"app": "tsx two.ts", "output": "cdk.out.two"}')
        self.addCleanup(settings.write_text, before)
        run("npm", "run", "synth", "--", "--no-notices", folder=self.folder)
        error = run(GATEWAY, folder=self.folder, status=1)
        for name in (f"{NAME}-dev", "other"):
            self.assertIn(f"-t cdk.out.two/{name}.template.json", error)


if __name__ == "__main__":
    unittest.main()
