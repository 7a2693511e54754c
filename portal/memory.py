"""What a process keeps for good is left out of garbage collection."""

import gc

# Young objects before a collection: Python's own 700 are reached several times within one page.
YOUNG_OBJECTS = 10_000


def leave_loaded_modules_alone() -> None:
    """Call once a process has loaded what it needs, before it works.

    Django, boto3's service models and the rest are a million objects that stay: looking through them again and again
    for garbage would find none.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS, *gc.get_threshold()[1:])
