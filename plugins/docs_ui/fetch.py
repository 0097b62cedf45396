"""Takes the files of heylook_docs_ui/static from their npm packages, with npm. Only what has the hashes below is taken.

One thing is changed: the address of a logo that ReDoc would ask for elsewhere is taken out.

To update a package: change its version, run this, and put in the hashes that it complains about.
"""

from __future__ import annotations

import gzip
import hashlib
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import NamedTuple

NO_PICTURE = b"data:,"
STATIC = Path(__file__).parent / "heylook_docs_ui" / "static"


class Member(NamedTuple):
    """A file of a package: its name here, where it ends in .gz if it is to be compressed, and its SHA-256.

    `asks` is an address in it that its page would ask for, which is replaced by no picture.
    """

    source: str
    name: str
    sha256: str
    asks: str = ""


class Package(NamedTuple):
    """An npm package; `sha512` is of its tarball."""

    name: str
    version: str
    sha512: str
    members: tuple[Member, ...]


PACKAGES = (
    Package(
        "swagger-ui-dist",
        "5.35.0",
        "534eaba4cb56f55dd73c638179a993512af4674f63317e0826e00da44fc465b021c341bc0a0c2bcd4e18997927fe1d3008336c5dd19aad334d1c2dec53cc9551",
        (
            Member(
                "swagger-ui-bundle.js",
                "swagger-ui-bundle.js.gz",
                "e6a898692f2d768e807c3ba4626068a69a2c5dd960dd6c76f3e4d3a3de180af2",
            ),
            Member(
                "swagger-ui.css",
                "swagger-ui.css.gz",
                "5ed08757e53da3e026d6cbecc61fe5d43585c9560b302d534ad56692519a273d",
            ),
            Member("LICENSE", "LICENSE.swagger-ui", "cfc7749b96f63bd31c3c42b5c471bf756814053e847c10f3eb003417bc523d30"),
            Member("NOTICE", "NOTICE.swagger-ui", "0d20d1adef18aee3f40dd258172155521ce702ac445cb5f7b7d60ed32dad2fb2"),
            Member(
                "swagger-ui-bundle.js.LICENSE.txt",
                "LICENSE.swagger-ui-bundle",
                "37eb6e7e59aed57b2c1acf076574b818ea07b74265717e0bd67b59e0baf9abbb",
            ),
        ),
    ),
    Package(
        "redoc",
        "2.5.4",
        "33a8d6846d6aa019c7e93166cc99ecb72099f3b1e6398fd4cc39bbf261e262284476557f61c4bda203a8d4d94496724c78bb32c4715edb215ce2c3631d3ac005",
        (
            Member(
                "bundles/redoc.standalone.js",
                "redoc.standalone.js.gz",
                "dcaf76612bc4a3fbcc923a8966dee2f6146a5f32e5ce1b6f02dd60cbbf89500b",
                asks="https://cdn.redoc.ly/redoc/logo-mini.svg",
            ),
            Member("LICENSE", "LICENSE.redoc", "d3026d549cf68ab7355bcfa85877bf8f845b3334a7efbfdc63936432fb34ff0e"),
            Member(
                "bundles/redoc.standalone.js.LICENSE.txt",
                "LICENSE.redoc-bundle",
                "eed602ec32e00b2b9df1984fbcc26a687b1b3193ec01961389c4b8439e6edf73",
            ),
        ),
    ),
)


def main() -> int:
    STATIC.mkdir(exist_ok=True)
    for package in PACKAGES:
        with tempfile.TemporaryDirectory() as folder, tarfile.open(packed(package, Path(folder))) as archive:
            for member in package.members:
                write(member, content(archive, member))
    return 0


def packed(package: Package, folder: Path) -> Path:
    """The package's tarball. Ends the program where it is another one than it should be."""
    command = ["npm", "pack", "--silent", f"{package.name}@{package.version}"]
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)
    (found,) = folder.glob("*.tgz")
    check(f"{package.name} {package.version}", hashlib.sha512(found.read_bytes()).hexdigest(), package.sha512)
    return found


def content(archive: tarfile.TarFile, member: Member) -> bytes:
    file = archive.extractfile(f"package/{member.source}")
    if file is None:
        sys.exit(f"{member.source} is not in the package.")
    found = file.read()
    check(member.source, hashlib.sha256(found).hexdigest(), member.sha256)
    return found


def check(what: str, found: str, expected: str) -> None:
    if found != expected:
        sys.exit(f"{what} has the hash {found}, and {expected} is expected.")


def write(member: Member, found: bytes) -> None:
    if member.asks:
        found = found.replace(member.asks.encode(), NO_PICTURE)
    data = gzip.compress(found, 9, mtime=0) if member.name.endswith(".gz") else found
    (STATIC / member.name).write_bytes(data)


if __name__ == "__main__":
    sys.exit(main())
