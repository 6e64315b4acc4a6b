"""The bucket that results go to, looked at before anything runs: what is wrong with it is one sentence."""

from typing import Any

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    CredentialRetrievalError,
    NoCredentialsError,
    ParamValidationError,
    PartialCredentialsError,
    SSOError,
    TokenRetrievalError,
)

from kilnscan.errors import ConfigError, StoreError

NOT_LOGGED_IN = (CredentialRetrievalError, NoCredentialsError, PartialCredentialsError, SSOError, TokenRetrievalError)
SCHEME = "s3://"
WHY = {
    "404": "does not exist: correct --default-storage-prefix (`aws s3 ls` lists your buckets) or make it (docs/aws.md)",
    "403": "is closed to you: it is somebody else's, or your rights lack s3:ListBucket there; `aws sts "
    "get-caller-identity` tells who you are to AWS",
    "400": "cannot be asked with these credentials: they may have expired, so log in again",
}
"""What the status of S3's answer means. An answer to HEAD has no words."""


def bucket_of(place: str) -> str:
    """The bucket of `s3://bucket/prefix`. Raises ConfigError if `place` is no such address."""
    bucket, _, _ = place.removeprefix(SCHEME).partition("/")
    if not place.startswith(SCHEME) or not bucket:
        raise ConfigError(
            f"Results cannot lie at {place!r}: --default-storage-prefix begins with s3://, as s3://BUCKET/PREFIX does."
        )
    return bucket


def look_at(s3: Any, bucket: str) -> None:
    """Ask S3 (a boto3 client) for a bucket: one request, and none without credentials.

    The S3 plugin would make a bucket that is missing, and tell of missing credentials in thousands of lines.

    Raises StoreError if there are no credentials, or if the bucket is not there, closed or out of reach.
    """
    try:
        s3.head_bucket(Bucket=bucket)
    except NOT_LOGGED_IN as error:
        raise StoreError(
            f"Results go to {SCHEME}{bucket}, but there are no AWS credentials ({error}): log in with `aws configure` "
            "or `aws sso login`, or set AWS_PROFILE; `aws sts get-caller-identity` tells whether it worked."
        ) from error
    except ClientError as error:
        why = WHY.get(error.response.get("Error", {}).get("Code", ""), f"cannot be used: {error}")
        raise StoreError(f"The bucket {bucket} {why}.") from error
    except ParamValidationError as error:
        raise StoreError(f"No bucket can be called {bucket!r}: correct --default-storage-prefix.") from error
    except BotoCoreError as error:
        raise StoreError(
            f"The bucket {bucket} cannot be reached: {error}. Check the network and the region."
        ) from error
