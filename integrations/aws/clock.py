"""What time it is for AWS, which refuses a signature whose time is five minutes off (Signature Version 4)."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from botocore.exceptions import BotoCoreError, ClientError

from integrations.aws.clients import ClientFactory
from integrations.aws.errors import AwsCallFailed, translate
from integrations.aws.vendor import VendorSettings


def aws_time(settings: VendorSettings) -> datetime:
    """The time that STS writes on its answers, by the second. Asked without an identity, so that a refusal answers.

    Raises AwsCallFailed where nothing answers.
    """
    # No such key exists: AWS refuses it whatever the clock says, and writes its time beside the refusal.
    sts = ClientFactory(settings.endpoint_url).with_keys("sts", settings.region, "AKIAROLEBRIDGECLOCKS", "none")
    try:
        answer = sts.get_caller_identity()
    except ClientError as error:
        answer = error.response
    except BotoCoreError as error:
        raise translate(error) from None
    written = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date", "")
    try:
        return parsedate_to_datetime(written).astimezone(UTC)
    except ValueError:
        raise AwsCallFailed("NoDate", "The answer carries no time.") from None
