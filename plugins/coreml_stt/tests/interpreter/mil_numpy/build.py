"""Makes the sets that the tests load: `python -m mil_numpy.build FOLDER`.

In a process of its own: coremltools takes seconds to import and leaves temporary files to the garbage collector.
"""

from __future__ import annotations

import sys
from pathlib import Path

from mil_numpy.program import load
from tools.speech_model import coreml
from tools.speech_model.small import small_weights


def build(folder: Path) -> None:
    """One folder for each form, and beside each package what the interpreter reads in it."""
    for name in ("PUBLISHED", "EXPORTED", "SMALL"):
        own = small_weights() if name == "SMALL" else None
        made = coreml.export(folder / name, getattr(coreml, name), own)
        for package in made.glob("*.mlpackage"):
            load(package)


if __name__ == "__main__":
    build(Path(sys.argv[1]))
