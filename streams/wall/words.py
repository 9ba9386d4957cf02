"""The words of the wall in its languages; a key that is misspelt is a KeyError, which the tests would meet."""

import re
from collections.abc import Mapping
from typing import Literal, NamedTuple

from metrics.evaluate import Reason
from streams.absence import REASON_WORDS
from streams.wall.texts import AGGREGATES, COMPARED, COMPARED_BRIEFLY, DIMENSIONS, REASONS, STATES, TEXTS, WINDOWS

Language = Literal["en", "nl"]
LANGUAGES: Mapping[Language, str] = {"en": "English", "nl": "Nederlands"}
_WEIGHT = re.compile(r"q=([0-9.]+)")


class Said(NamedTuple):
    """A text, and the language that it is in."""

    text: str
    language: Language


def preferred_language(accepted: str) -> Language:
    """Return the language that an `Accept-Language` header likes best; English when it likes none of ours."""
    best: Language = "en"
    highest = 0.0
    for part in accepted.lower().split(","):
        tag, _, parameters = part.strip().partition(";")
        found = _WEIGHT.search(parameters)
        weight = 1.0 if found is None else _number(found[1])
        for language in LANGUAGES:
            if tag.partition("-")[0] == language and weight > highest:
                best, highest = language, weight
    return best


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0


class Words:
    """The words of one language."""

    def __init__(self, language: Language) -> None:
        """Speak `language`."""
        self.language = language
        self.place = list(LANGUAGES).index(language)

    def __call__(self, key: str, **values: object) -> str:
        """Return a text with `values` put in."""
        text = TEXTS[key][self.place]
        return text.format(**values) if values else text

    def window(self, token: str) -> str:
        """Return what people call a window."""
        return WINDOWS[token][self.place]

    def compared(self, token: str, *, briefly: bool = False) -> str:
        """Return what people call the comparison window of a window."""
        return (COMPARED_BRIEFLY if briefly else COMPARED)[token][self.place]

    def aggregate(self, agg: str) -> str:
        """Return what people call an aggregate."""
        return AGGREGATES[agg][self.place]

    def dimension(self, name: str) -> str:
        """Return what people call a dimension; one that nobody has named is called by its key."""
        named = DIMENSIONS.get(name)
        return name.replace("_", " ") if named is None else named[self.place]

    def label(self, value: str) -> str:
        """Return a dimension value as people read it."""
        return self(value) if value in {"unknown", "other"} else value

    def reason(self, reason: Reason) -> str:
        """Return why there is no value."""
        return REASON_WORDS[reason] if self.language == "en" else REASONS[reason]

    def state(self, said: str) -> Said:
        """Return why a board is not ready, as it says it; what nobody has translated stays English."""
        for pattern, text in STATES if self.language == "nl" else ():
            found = pattern.fullmatch(said)
            if found is not None:
                return Said(found.expand(text), "nl")
        return Said(said, "en")


WORDS: Mapping[Language, Words] = {language: Words(language) for language in LANGUAGES}
