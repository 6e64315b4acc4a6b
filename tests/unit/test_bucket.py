"""What is wrong with the bucket is told in one sentence, after one request."""

import boto3
import pytest
from botocore.config import Config
from botocore.session import Session
from botocore.stub import Stubber

from kilnscan.bucket import bucket_of, look_at
from kilnscan.errors import ConfigError, StoreError

NOBODY = {"aws_access_key_id": "x", "aws_secret_access_key": "x"}


@pytest.mark.parametrize("place", ["s3://kilns", "s3://kilns/", "s3://kilns/run/a"])
def test_a_bucket_is_known_by_its_address(place):
    assert bucket_of(place) == "kilns"


@pytest.mark.parametrize("place", ["kilns/run", "s3:kilns", "s3://", "s3:///run", "https://kilns.s3.amazonaws.com/run"])
def test_another_address_is_refused_with_what_it_should_be(place):
    with pytest.raises(ConfigError, match=r"begins with s3://, as s3://BUCKET/PREFIX does"):
        bucket_of(place)


@pytest.fixture
def s3():
    """A client that asks nobody."""
    return boto3.client("s3", region_name="us-west-2", **NOBODY)


def test_a_bucket_that_is_there_is_asked_for_once(s3):
    with Stubber(s3) as answers:
        answers.add_response("head_bucket", {}, {"Bucket": "kilns"})
        look_at(s3, "kilns")
        answers.assert_no_pending_responses()


@pytest.mark.parametrize(
    ("status", "says"),
    [
        ("404", "does not exist: correct --default-storage-prefix"),
        ("403", "is closed to you: it is somebody else's, or your rights lack s3:ListBucket"),
        ("400", "cannot be asked with these credentials: they may have expired"),
        ("503", r"cannot be used: .*\(503\)"),
    ],
)
def test_a_bucket_that_cannot_be_used_is_refused(s3, status, says):
    with Stubber(s3) as answers:
        answers.add_client_error("head_bucket", status, http_status_code=int(status))
        with pytest.raises(StoreError, match=f"The bucket kilns {says}"):
            look_at(s3, "kilns")


def test_without_credentials_nobody_is_asked(monkeypatch, tmp_path):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    s3 = boto3.Session(botocore_session=Session()).client("s3", region_name="us-west-2")
    with pytest.raises(StoreError, match=r"there are no AWS credentials .*: log in with `aws configure`"):
        look_at(s3, "kilns")


def test_a_name_that_no_bucket_can_have_and_a_network_that_is_down_are_told(s3):
    with pytest.raises(StoreError, match="No bucket can be called 'k!lns'"):
        look_at(s3, "k!lns")
    nowhere = boto3.client("s3", endpoint_url="http://127.0.0.1:1", region_name="us-west-2", **NOBODY,
                           config=Config(retries={"total_max_attempts": 1}))  # fmt: skip
    with pytest.raises(StoreError, match="The bucket kilns cannot be reached: "):
        look_at(nowhere, "kilns")
