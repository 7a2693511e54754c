"""Our own texts among what a verification gives back, marked for translators."""


def gettext_noop(text: str) -> str:
    """`text` as it is: stored, and told to programs, in English. Pages translate it when they show it.

    Django's own of this name is not for code that knows nothing of Django; makemessages finds the texts by the name
    alone, where they are plain literals.
    """
    return text
