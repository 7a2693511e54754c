"""The address that opens CloudFormation's quick-create page with a template filled in. Pure.

Source: CloudFormation user guide, "Create quick-create links for stacks".
"""

from urllib.parse import quote

# The console of each partition. The region in front of the host leads to it without a detour.
_CONSOLES = {
    "aws": "console.aws.amazon.com",
    "aws-us-gov": "console.amazonaws-us-gov.com",
    "aws-cn": "console.amazonaws.cn",
    "aws-eusc": "console.amazonaws-eusc.eu",
}


def quick_create_url(*, partition: str, region: str, template_url: str, stack_name: str) -> str:
    """The address of the console's page on which one press makes the stack; nothing of it is a parameter of ours."""
    return (
        f"https://{quote(region, safe='')}.{_CONSOLES[partition]}/cloudformation/home?region={quote(region, safe='')}"
        f"#/stacks/create/review?templateURL={quote(template_url, safe='')}&stackName={quote(stack_name, safe='')}"
    )
