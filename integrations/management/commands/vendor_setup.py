"""`manage.py vendor_setup`: the vendor's own roles, as text for the tool that makes them."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

from django.core.management.base import BaseCommand, CommandError, CommandParser

from integrations.aws.arns import validate_role_path
from integrations.aws.vendor import Chain
from integrations.aws.vendor_policies import TrustForm
from integrations.aws.vendor_roles import Base, BaseKind, vendor_roles
from integrations.catalogue_file import catalogue
from integrations.vendor import vendor_settings
from integrations.vendor_templates import cli, cloudformation, terraform

FORMATS: dict[str, Callable[..., str]] = {
    "cloudformation": cloudformation.render,
    "terraform": terraform.render,
    "cli": cli.render,
}


class Command(BaseCommand):
    """Renders the vendor's own roles; calls nothing."""

    help = "Renders the vendor's own roles as a CloudFormation template, as Terraform or as a script. Calls nothing."

    def add_arguments(self, parser: CommandParser) -> None:
        """What to render, and for which identity of the worker."""
        parser.add_argument("--format", choices=sorted(FORMATS), required=True)
        parser.add_argument(
            "--chain", choices=get_args(Chain), help="instead of the catalogue's, to look at another one"
        )
        parser.add_argument(
            "--trust",
            choices=get_args(TrustForm),
            default="pinned",
            help="how our roles name each other: the role itself, or the account with the role's ARN in a condition",
        )
        parser.add_argument(
            "--base",
            choices=[str(kind) for kind in BaseKind],
            default=str(BaseKind.ECS_TASK),
            help="where the worker process gets its AWS identity from",
        )
        parser.add_argument("--base-role", default="", help="for existing-role: its ARN, in the vendor's account")
        parser.add_argument("--oidc-issuer", default="", help="for eks-irsa: the cluster's OIDC issuer")
        parser.add_argument("--service-account", default="", help="for eks-irsa: namespace:name")
        parser.add_argument("--role-path", default="", help="instead of /rolebridge/")
        parser.add_argument("--output", type=Path, help="a file to write instead of printing")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Print or write; CommandError says what to give instead."""
        current = catalogue()
        try:
            settings = vendor_settings()
            if options["role_path"]:
                settings = replace(settings, role_path=validate_role_path(options["role_path"]))
            base = Base(
                kind=BaseKind(options["base"]),
                role_arn=options["base_role"],
                oidc_issuer=options["oidc_issuer"].removeprefix("https://").rstrip("/"),
                service_account=options["service_account"],
            )
            wanted = vendor_roles(
                replace(settings, chain=options["chain"] or settings.chain), current, base, options["trust"]
            )
            text = FORMATS[options["format"]](
                wanted, catalogue_version=current.version, product_name=current.product_name
            )
        except ValueError as error:
            raise CommandError(str(error)) from error
        output: Path | None = options["output"]
        if output is None:
            self.stdout.write(text, ending="")
            return
        try:
            output.write_text(text, encoding="utf-8")
        except OSError as error:
            raise CommandError(f"{output} cannot be written: {error.strerror}") from error
        self.stdout.write(f"{len(wanted.roles)} roles of account {settings.vendor_account_id} are in {output}")
