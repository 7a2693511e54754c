"""Our own texts in what this engine gives back, marked for translators."""


def gettext_noop(text: str) -> str:
    """`text` as it is: stored, and told to programs, in English. Pages translate it when they show it.

    Django's own of this name is not for code that knows nothing of Django; makemessages finds the texts by the name
    alone, where they are plain literals.
    """
    return text


class InWords(ValueError):
    """A refusal in words for a person: `text` is a constant, marked for translators, and `values` go into it.

    As a string it is English, as programs and logs are told it. Pages translate `text` before the values go in.
    """

    def __init__(self, text: str, **values: object) -> None:
        super().__init__(text % values if values else text)
        self.text, self.values = text, values
