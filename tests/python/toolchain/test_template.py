"""The dashboard of template.yaml, and the function for tasks of both templates."""

import json
import re
import unittest

from harness.programs import ROOT
from samcli.yamlhelper import yaml_parse


def resolve(text):
    """Replaces the references of a Fn::Sub, as CloudFormation does."""
    return re.sub(r"\$\{(?P<name>[A-Za-z:.]+)\}", lambda found: found["name"], text)


def metrics(widget):
    """Returns the namespace, the name and the first dimension of each metric of a widget."""
    lines = widget["properties"]["metrics"]
    return [tuple(line[:3]) for line in lines if isinstance(line[0], str)]


class Dashboard(unittest.TestCase):
    def setUp(self):
        template = yaml_parse((ROOT / "template.yaml").read_text())
        [body, variables] = template["Resources"]["Overview"]["Properties"]["DashboardBody"]["Fn::Sub"]
        # The library's namespace is a variable of its own, because an empty namespace is not valid. Tasks may run in
        # another function.
        self.assertEqual(list(variables), ["Namespace", "TaskRunner"])
        self.assertEqual(variables["TaskRunner"], {"Fn::If": ["HasTaskFunction", {"Ref": "ChatTasks"}, {"Ref": "Chat"}]})
        self.widgets = json.loads(resolve(body))["widgets"]

    def test_its_metrics_are_those_of_the_operations_page(self):
        page = (ROOT / "crates/lambda_ws/OPERATIONS.md").read_text()
        own = re.findall(r"^\| `([A-Za-z]+)` \| (?:count|ms) \|", page, re.MULTILINE)
        shown = [metric for widget in self.widgets for metric in metrics(widget)]
        self.assertGreater(len(shown), 20)
        for namespace, name, dimension in shown:
            with self.subTest(metric=name):
                if namespace == "Namespace":
                    self.assertIn(name, own)
                    self.assertEqual(dimension, "Function")
                else:
                    self.assertTrue(namespace.startswith("AWS/"), namespace)
        alarms = re.findall(r"^\| `(AWS/[A-Za-z]+) ([A-Za-z]+)` \|", page, re.MULTILINE)
        expressions = json.dumps(self.widgets)
        for _, name in alarms:
            self.assertIn(name, expressions)

    def test_its_widgets_have_a_title_and_a_place(self):
        for widget in self.widgets:
            self.assertTrue(widget["properties"]["title"])
            self.assertEqual((widget["type"], widget["width"]), ("metric", 8))


class TaskFunction(unittest.TestCase):
    """The optional second function, which runs the follow-up tasks."""

    def templates(self):
        """Yields the resources, the conditions and the parameters, with the ids of both functions."""
        for path, client, tasks in (
            ("template.yaml", "Chat", "ChatTasks"),
            ("crates/lambda_ws_local/new/sam/template.yaml", "Function", "Tasks"),
        ):
            with self.subTest(template=path):
                yield yaml_parse((ROOT / path).read_text()), client, tasks

    def test_it_is_off_by_default(self):
        for template, client, tasks in self.templates():
            self.assertEqual(template["Parameters"]["TaskFunction"]["Default"], "false")
            condition = {"Fn::Equals": [{"Ref": "TaskFunction"}, "true"]}
            self.assertEqual(template["Conditions"]["HasTaskFunction"], condition)
            self.assertEqual(template["Resources"][tasks]["Condition"], "HasTaskFunction")
            variables = template["Resources"][client]["Properties"]["Environment"]["Variables"]
            no_value = {"Ref": "AWS::NoValue"}
            self.assertEqual(variables["TASK_FUNCTION"], {"Fn::If": ["HasTaskFunction", {"Ref": tasks}, no_value]})

    def test_it_is_the_same_program_with_the_same_settings_and_more_time(self):
        for template, client, tasks in self.templates():
            first, second = template["Resources"][client], template["Resources"][tasks]
            self.assertEqual(first["Metadata"], second["Metadata"])
            first, second = first["Properties"], second["Properties"]
            own = {"Timeout", "ReservedConcurrentExecutions", "Environment", "Policies", "Role"}
            self.assertEqual(
                {name: value for name, value in first.items() if name not in own},
                {name: value for name, value in second.items() if name not in own},
            )
            variables = dict(first["Environment"]["Variables"])
            del variables["TASK_FUNCTION"]
            self.assertEqual(second["Environment"]["Variables"], variables)
            # Lambda retries a task after 1 and 2 minutes, unless it is too old then.
            attempts = second["EventInvokeConfig"]["MaximumRetryAttempts"]
            last = second["Timeout"] * attempts + sum(60 * number for number in range(1, attempts + 1))
            self.assertLess(last, second["EventInvokeConfig"]["MaximumEventAgeInSeconds"])
            self.assertGreater(second["Timeout"], first["Timeout"])

    def test_both_functions_may_invoke_only_the_function_of_tasks(self):
        for template, client, tasks in self.templates():
            second = template["Resources"][tasks]["Properties"]
            self.assertEqual(second["Role"], {"Fn::GetAtt": [f"{client}Role", "Arn"]})
            self.assertNotIn("Policies", second)
            policy = template["Resources"][f"{client}InvokesItself"]["Properties"]
            self.assertEqual(policy["Roles"], [{"Ref": f"{client}Role"}])
            [statement] = policy["PolicyDocument"]["Statement"]
            self.assertEqual(statement["Action"], "lambda:InvokeFunction")

            def arns(name):
                return [{"Fn::GetAtt": [name, "Arn"]}, {"Fn::Sub": f"${{{name}.Arn}}:*"}]

            self.assertEqual(statement["Resource"], {"Fn::If": ["HasTaskFunction", arns(tasks), arns(client)]})


if __name__ == "__main__":
    unittest.main()
