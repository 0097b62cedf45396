"""`vocab.txt` of an export: a piece and its number in each line, the blank last. Light."""

from __future__ import annotations

from pathlib import Path

from heylook_core.errors import LoadFailed

BLANK = "<blk>"


def read_vocabulary(file: Path) -> list[str]:
    """The pieces without the blank, whose number is how many they are. Raises LoadFailed."""
    try:
        lines = file.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise LoadFailed(f"{file} cannot be read ({error}): take it from the export again.") from error
    pieces: list[str] = []
    for number, line in enumerate(line.rstrip("\r") for line in lines if line.strip()):
        piece, _, index = line.rpartition(" ")
        if not piece or index != str(number):
            raise LoadFailed(
                f"Line {number + 1} of {file} is {line[:60]!r}, but a piece and the number {number} were expected: "
                "take the file from the export again."
            )
        pieces.append(piece)
    if not pieces or pieces[-1] != BLANK:
        last = repr(pieces[-1]) if pieces else "nothing"
        raise LoadFailed(f"{file} ends with {last}, but the blank ({BLANK}) was expected: it belongs to another model.")
    return pieces[:-1]
