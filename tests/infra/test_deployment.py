"""The Batch stack is made by moto, which checks references and what Batch itself would refuse."""

import re
from collections.abc import Iterator

import boto3
import pytest
from cfnlint.decode import decode
from conftest import INFRA, Aws, replaced

TEXT = (INFRA / "batch.yaml").read_text()
SETTINGS = {"Email": "someone@example.org", "MailFailedJobs": "yes"}
# moto wants Batch's role by name; AWS makes one itself
ROLE = "      ReplaceComputeEnvironment: false\n      ServiceRole: !GetAtt InstanceRole.Arn\n"
IGNORED_BY_MOTO = {"BucketPolicy", "Budget", "FailureTopicPolicy"}


def create(aws: Aws, name: str, text: str, **settings: str) -> dict:
    settings = {"VpcId": aws.vpc, "SubnetIds": aws.subnet, "Project": name, **settings}
    cloud = boto3.client("cloudformation")
    cloud.create_stack(
        StackName=name,
        TemplateBody=re.sub(r" +ReplaceComputeEnvironment: false\n", ROLE, text),
        Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in settings.items()],
        Capabilities=["CAPABILITY_IAM"],
    )
    return cloud.describe_stacks(StackName=name)["Stacks"][0]


@pytest.fixture(scope="module")
def stack(aws: Aws) -> Iterator[dict]:
    stack = create(aws, "kilnscan", TEXT, RouteTableIds=aws.route_table, **SETTINGS)
    stack["outputs"] = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
    yield stack
    boto3.client("cloudformation").delete_stack(StackName="kilnscan")


def test_the_stack_is_complete(stack: dict):
    assert stack["StackStatus"] == "CREATE_COMPLETE", stack.get("StackStatusReason")
    made = boto3.client("cloudformation").list_stack_resources(StackName="kilnscan")["StackResourceSummaries"]
    template, _ = decode(str(INFRA / "batch.yaml"))
    missing = set(template["Resources"]) - {resource["LogicalResourceId"] for resource in made}
    assert missing == IGNORED_BY_MOTO, f"not made: {sorted(missing)}"


def test_each_queue_leads_to_its_own_machines(stack: dict):
    batch = boto3.client("batch")
    machines = {
        environment["computeEnvironmentArn"]: environment["computeResources"]
        for environment in batch.describe_compute_environments()["computeEnvironments"]
    }
    queues = {queue["jobQueueName"]: queue for queue in batch.describe_job_queues()["jobQueues"]}
    assert set(queues) == {"kilnscan-compute", "kilnscan-memory", "kilnscan-gpu"}
    types = {}
    for name, queue in queues.items():
        (order,) = queue["computeEnvironmentOrder"]
        pool = machines[order["computeEnvironment"]]
        types[name] = {kind.split(".")[0] for kind in pool["instanceTypes"]}
        assert len(pool["instanceTypes"]) >= 3, f"{name} has too few instance types to find Spot capacity"
        assert pool["minvCpus"] == 0, name
    assert types["kilnscan-compute"] >= {"c7i", "c6i", "c6a"}
    assert types["kilnscan-memory"] == {"r7i", "r6i", "r6a"}
    assert types["kilnscan-gpu"] == {"g6", "g5"}
    outputs = stack["outputs"]
    assert [outputs[key] for key in ("ComputeQueue", "MemoryQueue", "GpuQueue")] == [
        queues[f"kilnscan-{kind}"]["jobQueueArn"] for kind in ("compute", "memory", "gpu")
    ]


def test_job_definitions_run_our_image_as_the_jobs_role(stack: dict):
    jobs = {job["jobDefinitionName"]: job for job in boto3.client("batch").describe_job_definitions()["jobDefinitions"]}
    assert set(jobs) == {"kilnscan-cpu", "kilnscan-gpu"}
    for name, tag in (("kilnscan-cpu", "0.1.0"), ("kilnscan-gpu", "0.1.0-gpu")):
        container = jobs[name]["containerProperties"]
        assert container["image"] == f"{stack['outputs']['RepositoryUri']}:{tag}"
        assert container["jobRoleArn"] == stack["outputs"]["JobRole"]
        assert container["user"] == "10001"
    assert {"type": "GPU", "value": "1"} in jobs["kilnscan-gpu"]["containerProperties"]["resourceRequirements"]


def test_outputs_name_what_exists(stack: dict):
    outputs = stack["outputs"]
    boto3.client("s3").head_bucket(Bucket=outputs["Bucket"])
    boto3.client("iam").get_policy(PolicyArn=outputs["SubmitPolicy"])
    (repository,) = boto3.client("ecr").describe_repositories()["repositories"]
    assert repository["repositoryUri"] == outputs["RepositoryUri"]
    (group,) = boto3.client("logs").describe_log_groups(logGroupNamePrefix=outputs["LogGroup"])["logGroups"]
    assert group["retentionInDays"] == 30


def test_graviton_is_a_parameter_and_mails_are_optional(aws: Aws):
    stack = create(aws, "graviton", TEXT, Architecture="arm64")
    assert stack["StackStatus"] == "CREATE_COMPLETE"
    pools = boto3.client("batch").describe_compute_environments()["computeEnvironments"]
    assert any("c8g" in pool["computeResources"]["instanceTypes"] for pool in pools)
    boto3.client("cloudformation").delete_stack(StackName="graviton")


def test_moto_refuses_an_instance_type_that_does_not_exist(aws: Aws):
    with pytest.raises(Exception, match="g66"):
        create(aws, "broken", replaced(TEXT, "g6.xlarge", "g66.xlarge"))
