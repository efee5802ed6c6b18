"""What may be used as a passphrase."""

from pki.errors import WrongPassphrase
from pki.serial import RandomBytes

# Whoever has a copy of the file may guess as long as they like. What a guess costs (see KDF_ROUNDS
# in `pki.authority_files`) makes up for a phrase that is not quite random, not for a short word.
SHORTEST_NEW = 12
# Made-up words of five letters, 16 bits each (D. Wilkerson, 'A Proposal for Proquints'). They can
# be said and typed in any country, and no list of words has to be kept.
_CONSONANTS, _VOWELS = "bdfghjklmnprstvz", "aiou"
_WORDS = 6


def new_passphrase(random_bytes: RandomBytes) -> str:
    """Six words with a hyphen between them: 96 bits in 35 small letters and hyphens."""
    return "-".join(_word(int.from_bytes(random_bytes(2))) for _ in range(_WORDS))


def _word(number: int) -> str:
    return (
        _CONSONANTS[number >> 12]
        + _VOWELS[number >> 10 & 3]
        + _CONSONANTS[number >> 6 & 15]
        + _VOWELS[number >> 4 & 3]
        + _CONSONANTS[number & 15]
    )


def check_new_passphrase(passphrase: str) -> None:
    """Checks a passphrase to seal with from now on; an old one goes on to open what it sealed.

    Raises:
        WrongPassphrase: it is shorter than SHORTEST_NEW characters, or cannot be used at all.
    """
    passphrase_bytes(passphrase)
    if len(passphrase) < SHORTEST_NEW:
        raise WrongPassphrase(
            f"The passphrase is too short: a new one needs at least {SHORTEST_NEW} characters."
        )


def passphrase_bytes(passphrase: str) -> bytes:
    """The passphrase in UTF-8.

    Raises:
        WrongPassphrase: it is empty, or nothing that could have been sealed with.
    """
    if not passphrase:
        raise WrongPassphrase(
            "The passphrase is empty; give a file that holds it"
            " (for the CA's, by VPNBOT_CA_PASSPHRASE_FILE)."
        )
    if "\0" in passphrase:  # PKCS#12 readers in C end there
        raise WrongPassphrase("The passphrase has a zero byte in it; use one without.")
    try:
        return passphrase.encode()
    except UnicodeEncodeError:
        # `from None`: the cause quotes the passphrase.
        raise WrongPassphrase("The passphrase isn't UTF-8 text; use one that is.") from None
