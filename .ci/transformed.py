"""What SAM makes of the template: run with the Python in which the SAM CLI is installed."""

import logging
import os
import sys

# Of features that are off.
logging.disable(logging.CRITICAL)
os.environ.setdefault("AWS_DEFAULT_REGION", "eu-west-1")

from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import yaml_parse

BEHIND_THE_API = ["Capture", "Enqueue", "Status", "Erase"]
CODE_DEPLOY = "AWS::CodeDeploy::"


class NoManagedPolicies:
    def load(self):
        return {}


def resources(**parameters):
    with open(sys.argv[1], encoding="utf-8") as file:
        template = yaml_parse(file.read())
    # Where `sam package` would have put the code.
    template["Globals"]["Function"]["CodeUri"] = "s3://bucket/code.zip"
    return transform(template, parameters, NoManagedPolicies())["Resources"]


def of_type(all_resources, kind):
    return {name: it for name, it in all_resources.items() if it["Type"].startswith(kind)}


def check_aliases(all_resources):
    aliases = of_type(all_resources, "AWS::Lambda::Alias")
    assert sorted(aliases) == sorted(f"{name}Aliaslive" for name in BEHIND_THE_API), aliases
    permissions = of_type(all_resources, "AWS::Lambda::Permission").values()
    from_api = [it for it in permissions if it["Properties"]["Principal"] == "apigateway.amazonaws.com"]
    called = {it["Properties"]["FunctionName"]["Ref"] for it in from_api}
    assert called == set(aliases), called
    for path, methods in all_resources["Api"]["Properties"]["Body"]["paths"].items():
        for method in methods.values():
            uri = method["x-amazon-apigateway-integration"]["uri"]["Fn::Sub"]
            assert any(f"${{{alias}}}" in uri for alias in aliases), (path, uri)
    return aliases


def main():
    at_once = resources()
    assert not of_type(at_once, CODE_DEPLOY)
    for name, alias in check_aliases(at_once).items():
        assert "UpdatePolicy" not in alias, name

    gradually = resources(GradualDeployment="true")
    aliases = check_aliases(gradually)
    for name in BEHIND_THE_API:
        policy = aliases[f"{name}Aliaslive"]["UpdatePolicy"]["CodeDeployLambdaAliasUpdate"]
        group = gradually[policy["DeploymentGroupName"]["Ref"]]["Properties"]
        shift = group["DeploymentConfigName"]["Fn::Sub"][1]["ConfigName"]
        assert shift == "Canary10Percent5Minutes", shift
        assert "DEPLOYMENT_STOP_ON_ALARM" in group["AutoRollbackConfiguration"]["Events"], group
        _, alarms, _ = group["AlarmConfiguration"]["Fn::If"]
        assert alarms == {"Enabled": True, "Alarms": [{"Name": {"Ref": "NewVersionAlarm"}}]}, alarms
    print("aliases, permissions and gradual deployment are as expected")


main()
