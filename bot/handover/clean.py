"""Words of others in a message of ours."""


def one_line(text: str) -> str:
    r"""The same, with \n and the like for what no terminal can show, or no UTF-8 can hold."""
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode()
        for character in text
    )
