"""The archive key as a person can copy it from paper: 24 words for each age identity, or its text, typed or scanned.

The words are BIP 39's English ones over the identity's 32 secret bytes, so the last word checks the others; the text's
own last six letters do that (bech32). Not for: the sheet that they stand on
(``agent.owner.operations.own_copies.recovery``).
"""

import re
from collections.abc import Sequence

from mnemonic import Mnemonic

from exchange.age.files import Identity, Kind, parse_identity
from exchange.counted import counted
from exchange.errors import InputInvalid

WORDS = 24
_KEY = re.compile(r"AGE-SECRET-KEY-(?:PQ-)?1[0-9A-Z]{58}")


def words_of(identity: Identity) -> list[str]:
    """24 words; the kind is not in them."""
    return Mnemonic("english").to_mnemonic(identity.secret).split()


def identity_of_words(words: Sequence[str], kind: Kind) -> Identity:
    """InputInvalid, naming no word that is right, when a word is none of the list or the check fails."""
    known = set(Mnemonic("english").wordlist)
    typed = [word.strip().lower() for word in words]
    unknown = [(number, word) for number, word in enumerate(typed, 1) if word not in known]
    if unknown:
        number, word = unknown[0]
        raise InputInvalid(
            f"Word {number}, {word[:20]!r}, is none of the sheet's.", do="Look at it again on the sheet."
        )
    if len(typed) != WORDS:
        raise InputInvalid(
            f"{counted(len(typed), 'word was', 'words were')} typed, and there are {WORDS}.",
            do="Type all of them, in order.",
        )
    try:
        return Identity(kind, bytes(Mnemonic("english").to_entropy(" ".join(typed))))
    except ValueError:
        raise InputInvalid(
            "The words do not fit together: one of them is another, or two changed places.",
            do="Compare them with the sheet, one by one.",
        ) from None


def identities_of_text(text: str) -> list[Identity]:
    """All age identities in a text: a key file, what a QR code held, or the key typed in its groups of letters.

    InputInvalid when there is none, or one whose check fails.
    """
    found = []
    lines = [line for line in text.upper().splitlines() if not line.strip().startswith("#")]
    for match in _KEY.finditer(re.sub(r"\s+", "", "".join(lines))):
        try:
            found.append(parse_identity(match[0]))
        except ValueError:
            raise InputInvalid(
                "A letter of the key is wrong: its check does not fit.",
                do="Compare it with the sheet, group by group. After its first part it has no 1, B, I or O.",
            ) from None
    if not found:
        raise InputInvalid(
            "There is no archive key in this.", do="A key begins with AGE-SECRET-KEY- and stands on the recovery sheet."
        )
    return found


def groups_of(identity: Identity) -> list[str]:
    """The key's text in groups of four after its first word, which are easier to copy."""
    head, _, rest = str(identity).rpartition("-1")
    return [f"{head}-1", *(rest[start : start + 4] for start in range(0, len(rest), 4))]
