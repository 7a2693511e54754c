#!/usr/bin/env python
"""Django's command line for Rolebridge."""

import os
import sys

# The sandbox is worth having by itself: it needs no database, no secret and no other setting.
STANDS_ALONE = {"sandbox"}


def main() -> None:
    """Run one command."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
    if len(sys.argv) > 1 and sys.argv[1] in STANDS_ALONE:
        os.environ.setdefault("ROLEBRIDGE_MODE", "local")
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
