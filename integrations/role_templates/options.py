"""What a customer chooses about the roles of a connection, and what of it can be granted. Pure.

Every choice is judged here, for pages, API and renderers alike; a message says what to do. What IAM would refuse is
refused before a template is made, and so is what would change who gets in.
"""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

from integrations.aws.arns import InvalidRegion, InvalidRoleName, partition_of_region, validate_role_path
from integrations.aws.words import InWords, gettext_noop
from integrations.role_templates.names import DEFAULT_NAME_PATTERN, role_name

DEFAULT_ROLE_PATH = "/"
SHORTEST_SESSION, LONGEST_SESSION = 3600, 43_200  # seconds; IAM's MaxSessionDuration
TAGS_OF_A_ROLE = 50  # IAM takes no more
OUR_TAGS = 2
MOST_TAGS = TAGS_OF_A_ROLE - OUR_TAGS
MOST_REGIONS = 30

_PLACEHOLDERS = ("{connection}", "{component}")
_NAME_LITERAL = re.compile(r"[A-Za-z0-9_+=,.@-]*")
_LONGEST_REFERENCE = "x" * 10
# IAM takes more characters in the path of a role than in that of a policy. The roles' own managed policies are in the
# same path, so it must suit both (botocore, iam: policyPathType).
_PATH = re.compile(r"[A-Za-z0-9.,+@=_/-]*")
_PATHS_OF_AWS = ("/aws-service-role/", "/aws-reserved/")
_BOUNDARY = re.compile(
    r"arn:(?P<partition>[a-z-]+):iam::(?P<account>[0-9]{12}|aws):policy(?:/[A-Za-z0-9.,+@=_-]+)*/[A-Za-z0-9_+=,.@-]{1,128}"
)


class InvalidRoleOption(InWords):
    """A choice that cannot be granted. `option` is the name of a field of RoleOptions; the message says what to do."""

    def __init__(self, option: str, text: str, **values: object) -> None:
        super().__init__(text, **values)
        self.option = option


@dataclass(frozen=True)
class RoleOptions:
    """What a customer chose about the roles of a connection.

    `regions` are where the roles may be used; empty means wherever the product needs it. With `self_inspection` a role
    may read and simulate itself, which lets the portal explain what it finds.
    """

    name_pattern: str = DEFAULT_NAME_PATTERN
    path: str = DEFAULT_ROLE_PATH
    boundary_arn: str = ""
    tags: tuple[tuple[str, str], ...] = ()
    max_session_seconds: int = SHORTEST_SESSION
    regions: tuple[str, ...] = ()
    self_inspection: bool = False


def validate_options(
    options: RoleOptions,
    *,
    partition: str,
    account_id: str,
    component_ids: Iterable[str],
    reserved_tag_keys: Iterable[str],
) -> RoleOptions:
    """`options`, if all of them can be granted; InvalidRoleOption names the first that cannot.

    Args:
        options: what was chosen.
        partition: the vendor's, which is the customer's as well: AWS has no AssumeRole across partitions.
        account_id: the customer's account; empty as long as it is not known.
        component_ids: every component that a role could be named after.
        reserved_tag_keys: the keys of the tags that the template puts on each role by itself.
    """
    _check_name_pattern(options.name_pattern, component_ids)
    _check_path(options.path)
    if options.boundary_arn:
        _check_boundary(options.boundary_arn, partition, account_id)
    _check_tags(options.tags, reserved_tag_keys)
    _check_session(options.max_session_seconds)
    _check_regions(options.regions, partition)
    return options


def validate_partition_choice(chosen: str, partition: str) -> str:
    """`chosen`, if roles of that partition can be entered from ours; InvalidRoleOption otherwise."""
    if chosen != partition:
        raise InvalidRoleOption(
            "partition",
            gettext_noop(
                "Our roles are in the AWS partition '%(partition)s', and AWS lets no role of another "
                "partition be assumed. Accounts in '%(other)s' need an installation of ours there."
            ),
            partition=partition,
            other=chosen,
        )
    return chosen


def parse_tags(text: str) -> tuple[tuple[str, str], ...]:
    """Tags as people type them, one `key=value` a line; InvalidRoleOption names the line that is none."""
    tags = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        key, equals, value = line.partition("=")
        if not equals:
            raise InvalidRoleOption(
                "tags",
                gettext_noop("Line %(number)s is no tag. Write each tag as key=value, one a line."),
                number=number,
            )
        tags.append((key.strip(), value.strip()))
    return tuple(tags)


def _check_name_pattern(pattern: str, component_ids: Iterable[str]) -> None:
    literal = pattern
    for placeholder in _PLACEHOLDERS:
        if pattern.count(placeholder) != 1:
            raise InvalidRoleOption(
                "name_pattern",
                gettext_noop(
                    "A role name pattern holds %(connection)s and %(component)s once each, such as %(example)s: "
                    "without them two roles could have the same name."
                ),
                connection=_PLACEHOLDERS[0],
                component=_PLACEHOLDERS[1],
                example=DEFAULT_NAME_PATTERN,
            )
        literal = literal.replace(placeholder, "")
    if not _NAME_LITERAL.fullmatch(literal):
        raise InvalidRoleOption(
            "name_pattern",
            gettext_noop("A role name is made of letters, digits and the characters _ + = , . @ - only."),
        )
    for component_id in component_ids:
        try:
            role_name(_LONGEST_REFERENCE, component_id, pattern)
        except InvalidRoleName:
            length = len(literal) + len(_LONGEST_REFERENCE) + len(component_id)
            raise InvalidRoleOption(
                "name_pattern",
                gettext_noop(
                    "With this pattern the role of component %(component)s would have a name of %(length)s "
                    "characters; IAM takes 64. Shorten the pattern."
                ),
                component=component_id,
                length=length,
            ) from None


def _check_path(path: str) -> None:
    try:
        validate_role_path(path)
    except InvalidRoleName as error:
        raise InvalidRoleOption("path", error.text, **error.values) from None
    if not _PATH.fullmatch(path):
        raise InvalidRoleOption(
            "path", gettext_noop("A role path is made of letters, digits and the characters / . , + @ = _ - only.")
        )
    if path.startswith(_PATHS_OF_AWS):
        raise InvalidRoleOption(
            "path", gettext_noop("AWS keeps the path %(path)s for its own roles. Choose another one."), path=path
        )


def _check_boundary(arn: str, partition: str, account_id: str) -> None:
    match = _BOUNDARY.fullmatch(arn)
    if match is None or len(arn) > 2048:
        raise InvalidRoleOption(
            "boundary_arn",
            gettext_noop(
                "This is not the ARN of a managed policy. A permissions boundary looks like "
                "arn:%(partition)s:iam::%(account_id)s:policy/boundary."
            ),
            partition=partition,
            account_id=account_id or "123456789012",
        )
    if match["partition"] != partition:
        raise InvalidRoleOption(
            "boundary_arn",
            gettext_noop(
                "This boundary is in the AWS partition '%(other)s', and your roles are in '%(partition)s'. "
                "Give the ARN of a policy that begins with arn:%(partition)s:iam::."
            ),
            other=match["partition"],
            partition=partition,
        )
    if account_id and match["account"] not in {account_id, "aws"}:
        raise InvalidRoleOption(
            "boundary_arn",
            gettext_noop(
                "This boundary is a policy of account %(other)s, and the roles are made in %(account_id)s. "
                "IAM takes a boundary of the same account, or one of AWS's own."
            ),
            other=match["account"],
            account_id=account_id,
        )


def _check_tags(tags: tuple[tuple[str, str], ...], reserved: Iterable[str]) -> None:
    if len(tags) > MOST_TAGS:
        raise InvalidRoleOption(
            "tags",
            gettext_noop(
                "You gave %(given)s tags. A role has %(all)s at the most, of which %(ours)s are ours: give "
                "%(most)s or fewer."
            ),
            given=len(tags),
            all=TAGS_OF_A_ROLE,
            ours=OUR_TAGS,
            most=MOST_TAGS,
        )
    taken = {key.lower(): key for key in reserved}
    seen: set[str] = set()
    for key, value in tags:
        _check_tag(key, value)
        if key.lower() in taken:
            raise InvalidRoleOption(
                "tags",
                gettext_noop("The tag '%(key)s' is ours and says that the role is ours to enter."),
                key=taken[key.lower()],
            )
        if key.lower() in seen:
            raise InvalidRoleOption(
                "tags",
                gettext_noop("The tag '%(key)s' is given twice. IAM does not tell capitals in keys apart."),
                key=key,
            )
        seen.add(key.lower())


def _check_tag(key: str, value: str) -> None:
    if not 1 <= len(key) <= 128:
        raise InvalidRoleOption(
            "tags",
            gettext_noop("A tag's key has 1 to 128 characters; '%(key)s' has %(length)s."),
            key=key[:20],
            length=len(key),
        )
    if len(value) > 256:
        raise InvalidRoleOption(
            "tags",
            gettext_noop("A tag's value has at most 256 characters; that of '%(key)s' has %(length)s."),
            key=key,
            length=len(value),
        )
    if key.lower().startswith("aws:"):
        raise InvalidRoleOption(
            "tags", gettext_noop("AWS keeps tag keys that begin with aws: for itself; '%(key)s' is one."), key=key
        )
    for character in key + value:
        if unicodedata.category(character)[0] not in "LNZ" and character not in "_.:/=+-@":
            raise InvalidRoleOption(
                "tags",
                gettext_noop(
                    "The tag '%(key)s' holds %(character)r. IAM takes letters, digits, spaces and the characters "
                    "_ . : / = + - @ in a tag."
                ),
                key=key,
                character=character,
            )


def _check_session(seconds: int) -> None:
    if not SHORTEST_SESSION <= seconds <= LONGEST_SESSION:
        raise InvalidRoleOption(
            "max_session_seconds",
            gettext_noop(
                "A role's maximum session length is %(shortest)s to %(longest)s seconds (1 to 12 hours). An hour is "
                "enough: sessions that we open through our own role never last longer."
            ),
            shortest=SHORTEST_SESSION,
            longest=LONGEST_SESSION,
        )


def _check_regions(regions: tuple[str, ...], partition: str) -> None:
    if len(regions) > MOST_REGIONS:
        raise InvalidRoleOption(
            "regions",
            gettext_noop("You gave %(given)s regions; give %(most)s or fewer, or none for all."),
            given=len(regions),
            most=MOST_REGIONS,
        )
    for region in regions:
        if not _is_in(region, partition):
            raise InvalidRoleOption(
                "regions",
                gettext_noop(
                    "'%(region)s' is no region of the AWS partition '%(partition)s'. Write regions by their "
                    "codes, such as %(example)s."
                ),
                region=region,
                partition=partition,
                example=_example_region(partition),
            )
        if regions.count(region) > 1:
            raise InvalidRoleOption("regions", gettext_noop("The region '%(region)s' is given twice."), region=region)


def _is_in(region: str, partition: str) -> bool:
    try:
        return partition_of_region(region) == partition
    except InvalidRegion:
        return False


def _example_region(partition: str) -> str:
    return {"aws-us-gov": "us-gov-west-1", "aws-cn": "cn-north-1", "aws-eusc": "eusc-de-east-1"}.get(
        partition, "eu-central-1"
    )
