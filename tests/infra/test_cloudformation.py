"""CloudFormation templates: what the linters say, and what neither they nor moto look at."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from cfnlint.api import lint
from cfnlint.config import ManualArgs
from cfnlint.decode import decode
from conftest import INFRA, REGION, ROOT, TEMPLATES, replaced

BATCH = INFRA / "batch.yaml"
HERE = ManualArgs(regions=[REGION])
# these have no tags, or take them otherwise
UNTAGGED = {
    "AWS::Budgets::Budget", "AWS::EC2::LaunchTemplate", "AWS::EC2::SecurityGroupEgress",
    "AWS::EC2::SecurityGroupIngress", "AWS::EC2::VPCEndpoint", "AWS::EFS::MountTarget", "AWS::Events::Rule",
    "AWS::IAM::InstanceProfile", "AWS::IAM::ManagedPolicy", "AWS::S3::BucketPolicy", "AWS::SNS::TopicPolicy",
}  # fmt: skip
# AWS offers no narrower resource for these
ANY_RESOURCE = {
    "batch:DescribeJobs", "batch:DescribeJobDefinitions", "batch:DescribeJobQueues", "batch:ListJobs",
    "pcs:RegisterComputeNodeGroupInstance",
}  # fmt: skip

each_template = pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.stem)


def resources(path: Path, kind: str = "") -> dict[str, dict]:
    """Properties of a template's resources of a type, by name; intrinsic functions in their long form."""
    template, errors = decode(str(path))
    assert not errors, errors[0]
    return {
        name: {"Type": resource["Type"], **resource.get("Properties", {})}
        for name, resource in template["Resources"].items()
        if kind in ("", resource["Type"])
    }


def only(path: Path, kind: str) -> dict:
    (found,) = resources(path, kind).values()
    return found


def many(value: object) -> list:
    return value if isinstance(value, list) else [value]


def allowed(path: Path) -> list[tuple[str, dict]]:
    """Every statement that allows something to a role or a person, with the resource it stands in."""
    found = []
    for name, properties in resources(path).items():
        documents = [policy["PolicyDocument"] for policy in properties.get("Policies", ())]
        if properties["Type"] == "AWS::IAM::ManagedPolicy":
            documents.append(properties["PolicyDocument"])
        found += [(name, statement) for document in documents for statement in document["Statement"]]
    return found


# ---- linters ----


@each_template
def test_cfn_lint_finds_nothing(path: Path):
    found = [str(match) for match in lint(path.read_text(), config=HERE)]
    assert not found, f"{path.name}: {found[0]}"


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("MinvCpus: 0", "MinvCpu: 0"),
        ("AllocationStrategy: BEST_FIT_PROGRESSIVE", "AllocationStrategy: BEST_GUESS"),
        ("!GetAtt JobRole.Arn", "!GetAtt JobRoll.Arn"),
        ("SSEAlgorithm: AES256", "SSEAlgorithm: ROT13"),
    ],
)
def test_cfn_lint_finds_what_is_wrong(right: str, wrong: str):
    found = {match.rule.id[0] for match in lint(replaced(BATCH.read_text(), right, wrong), config=HERE)}
    assert "E" in found, f"{wrong} went through"


@pytest.fixture(scope="module")
def checkov(tmp_path_factory: pytest.TempPathFactory) -> dict:
    """What checkov says of the templates, and of one whose bucket is open."""
    folder = tmp_path_factory.mktemp("checkov")
    for path in TEMPLATES:
        shutil.copy(path, folder)
    text = BATCH.read_text().replace("HttpTokens: required", "HttpTokens: optional")
    for setting in ("BlockPublicPolicy", "RestrictPublicBuckets"):
        text = text.replace(f"{setting}: true", f"{setting}: false")
    (folder / "open.yaml").write_text(text)
    command = [sys.executable, "-m", "checkov.main", "--framework", "cloudformation", "--skip-download"]
    done = subprocess.run([*command, "--output", "json", "-d", folder], capture_output=True, text=True)
    return json.loads(done.stdout)["results"]


def test_checkov_finds_nothing_that_is_not_skipped_with_a_reason(checkov: dict):
    failed = [check for check in checkov["failed_checks"] if check["file_path"] != "/open.yaml"]
    assert not failed, "{file_path}: {resource} fails {check_id}, {check_name}".format(**failed[0])
    passed = {check["file_path"] for check in checkov["passed_checks"]}
    assert passed >= {f"/{path.name}" for path in TEMPLATES}
    assert all(len(check["check_result"]["suppress_comment"]) > 20 for check in checkov["skipped_checks"])


def test_checkov_finds_an_open_bucket(checkov: dict):
    failed = {check["check_id"] for check in checkov["failed_checks"] if check["file_path"] == "/open.yaml"}
    assert {"CKV_AWS_54", "CKV_AWS_56", "CKV_AWS_79"} <= failed


# ---- every template ----


@each_template
def test_everything_bears_the_cost_tag(path: Path):
    for name, properties in resources(path).items():
        if properties["Type"] in UNTAGGED:
            continue
        tags = properties.get("Tags") or properties.get("FileSystemTags") or {}
        if isinstance(tags, list):
            tags = {tag["Key"]: tag["Value"] for tag in tags}
        assert tags.get("project") == {"Ref": "Project"}, f"{path.name}: {name} lacks the tag project"


@each_template
def test_nothing_is_open_to_the_internet(path: Path):
    for name, group in resources(path, "AWS::EC2::SecurityGroup").items():
        assert not group.get("SecurityGroupIngress"), f"{path.name}: {name} lets someone in"
        assert group["SecurityGroupEgress"], f"{path.name}: {name} lets everything out"
        assert all(rule["FromPort"] == rule["ToPort"] == 443 for rule in group["SecurityGroupEgress"])
    for name, rule in resources(path, "AWS::EC2::SecurityGroupIngress").items():
        assert rule["SourceSecurityGroupId"] == rule["GroupId"], f"{path.name}: {name} lets others in than the group"


@each_template
def test_rights_are_narrow(path: Path):
    for name, statement in allowed(path):
        actions = many(statement["Action"])
        assert not any("*" in action for action in actions), f"{path.name}: {name} may do all of {actions}"
        if "*" in many(statement["Resource"]):
            assert set(actions) <= ANY_RESOURCE, f"{path.name}: {name} may do {actions} to anything"


@each_template
def test_machines_have_the_newer_metadata_service_and_encrypted_disks(path: Path):
    for name, template in resources(path, "AWS::EC2::LaunchTemplate").items():
        data = template["LaunchTemplateData"]
        assert data["MetadataOptions"]["HttpTokens"] == "required", f"{path.name}: {name}"
        assert all(disk["Ebs"]["Encrypted"] is True for disk in data["BlockDeviceMappings"]), f"{path.name}: {name}"
        assert all(tags["Tags"] for tags in data["TagSpecifications"])


@each_template
def test_it_names_no_account(path: Path):
    assert set(re.findall(r"\b\d{12}\b", path.read_text())) <= {"123456789012"}


# ---- the bucket ----


def test_the_bucket_is_private_encrypted_and_versioned():
    bucket = only(BATCH, "AWS::S3::Bucket")
    names = ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets")
    assert bucket["PublicAccessBlockConfiguration"] == dict.fromkeys(names, True), "the bucket may become public"
    (rule,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert rule["ServerSideEncryptionByDefault"]["SSEAlgorithm"] == "AES256"
    assert bucket["OwnershipControls"]["Rules"] == [{"ObjectOwnership": "BucketOwnerEnforced"}]
    assert bucket["VersioningConfiguration"]["Status"] == "Enabled"


def test_the_bucket_refuses_what_is_not_encrypted_on_the_way():
    policy = only(BATCH, "AWS::S3::BucketPolicy")
    (statement,) = policy["PolicyDocument"]["Statement"]
    assert (statement["Effect"], statement["Principal"], statement["Action"]) == ("Deny", "*", "s3:*")
    assert statement["Resource"] == [{"Fn::GetAtt": ["Bucket", "Arn"]}, {"Fn::Sub": "${Bucket.Arn}/*"}]
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_scratch_expires_results_grow_cheaper_and_broken_uploads_vanish():
    rules = {rule.get("Prefix", ""): rule for rule in only(BATCH, "AWS::S3::Bucket")["LifecycleConfiguration"]["Rules"]}
    assert rules["scratch/"]["ExpirationInDays"] == {"Ref": "ScratchDays"}
    assert rules["results/"]["Transitions"] == [{"StorageClass": "INTELLIGENT_TIERING", "TransitionInDays": 0}]
    assert "ExpirationInDays" not in rules["results/"]
    assert rules[""]["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 3}
    assert all(rule["Status"] == "Enabled" for rule in rules.values())


def test_the_bucket_outlives_the_stack_and_the_rest_does_not():
    template, _ = decode(str(BATCH))
    kept = {name for name, resource in template["Resources"].items() if resource.get("DeletionPolicy") == "Retain"}
    assert kept == {"Bucket"}
    assert only(BATCH, "AWS::ECR::Repository")["EmptyOnDelete"] is True


# ---- Batch ----


def test_a_job_may_touch_the_bucket_and_nothing_else():
    bucket = ({"Fn::GetAtt": ["Bucket", "Arn"]}, {"Fn::Sub": "${Bucket.Arn}/*"})
    statements = [statement for name, statement in allowed(BATCH) if name == "JobRole"]
    assert statements
    assert all(statement["Resource"] in bucket for statement in statements)
    assert all(action.startswith("s3:") for statement in statements for action in many(statement["Action"]))
    assert "ManagedPolicyArns" not in resources(BATCH)["JobRole"]


def test_who_submits_may_pass_the_jobs_role_only_and_define_jobs_of_our_image_only():
    statements = {statement["Sid"]: statement for name, statement in allowed(BATCH) if name == "SubmitPolicy"}
    passing = [sid for sid, statement in statements.items() if "iam:PassRole" in many(statement["Action"])]
    assert passing == ["PassJobRole"]
    assert statements["PassJobRole"]["Resource"] == {"Fn::GetAtt": ["JobRole", "Arn"]}
    images = statements["Define"]["Condition"]["StringLike"]["batch:Image"]
    assert all(image["Fn::Sub"].startswith("${Repository.RepositoryUri}") for image in images)
    queues = [resource["Ref"] for resource in statements["Submit"]["Resource"] if "Ref" in resource]
    assert queues == ["ComputeQueue", "MemoryQueue", "GpuQueue"]


def test_who_submits_may_do_what_the_plugins_do():
    actions = {act for name, rule in allowed(BATCH) if name == "SubmitPolicy" for act in many(rule["Action"])}
    calls = ("SubmitJob", "DescribeJobs", "TerminateJob", "RegisterJobDefinition", "DeregisterJobDefinition")
    assert actions >= {f"batch:{call}" for call in calls}


def test_no_machine_waits_for_work_and_spot_is_used_where_a_loss_is_small():
    environments = resources(BATCH, "AWS::Batch::ComputeEnvironment")
    kinds = {name: machines["ComputeResources"]["Type"] for name, machines in environments.items()}
    assert kinds == {"ComputeEnvironment": "SPOT", "MemoryEnvironment": "EC2", "GpuEnvironment": "SPOT"}
    for name, machines in environments.items():
        assert machines["ComputeResources"]["MinvCpus"] == 0, name
        assert machines["ComputeResources"]["Tags"] == {"project": {"Ref": "Project"}}, name


def test_a_container_can_ask_for_its_instance_type():
    data = only(BATCH, "AWS::EC2::LaunchTemplate")["LaunchTemplateData"]
    assert data["MetadataOptions"]["HttpPutResponseHopLimit"] == 1


def test_jobs_are_unprivileged_end_in_time_and_repeat_only_when_spot_took_the_machine():
    for name, job in resources(BATCH, "AWS::Batch::JobDefinition").items():
        container = job["ContainerProperties"]
        assert (container["User"], container["Privileged"]) == ("10001", False), name
        assert job["Timeout"] == {"AttemptDurationSeconds": {"Ref": "JobSeconds"}}, name
        first, rest = job["RetryStrategy"]["EvaluateOnExit"]
        assert first == {"OnStatusReason": "Host EC2*", "Action": "RETRY"}, name
        assert rest == {"OnReason": "*", "Action": "EXIT"}, name
        assert container["LogConfiguration"]["Options"]["awslogs-group"] == {"Ref": "LogGroup"}, name
    assert only(BATCH, "AWS::Logs::LogGroup")["RetentionInDays"] == {"Ref": "LogDays"}


def test_images_are_scanned_and_never_change_under_a_tag():
    repository = only(BATCH, "AWS::ECR::Repository")
    assert repository["ImageScanningConfiguration"] == {"ScanOnPush": True}
    assert repository["ImageTagMutability"] == "IMMUTABLE"


# ---- the guide ----


def test_the_guide_names_parameters_and_outputs_that_exist():
    guide = (ROOT / "docs" / "aws.md").read_text()
    template, _ = decode(str(BATCH))
    outputs = set(re.findall(r"\$\(value (\w+)\)", guide))
    assert outputs
    assert outputs <= set(template["Outputs"]), "docs/aws.md asks for an output that the stack lacks"
    command = guide[guide.index("--parameter-overrides") :].split("\n\n")[0]
    given = set(re.findall(r"(\w+)=", command)) | {"RouteTableIds", "Architecture", "ImageTag"}
    assert given <= set(template["Parameters"]), "docs/aws.md gives a parameter that the stack lacks"
    required = {name for name, parameter in template["Parameters"].items() if "Default" not in parameter}
    assert required <= given, "docs/aws.md leaves out a parameter that the stack wants"
