"""A model hub as huggingface_hub reaches it: what files a repository has, and their bytes from any place on.

Verified against huggingface_hub 2.4. Its own download functions begin a file anew after an interruption and compare
no checksums, so only its session, tokens, listing and errors are used here.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import PurePosixPath
from typing import Any, NamedTuple

from heylook_core.errors import Forbidden, HeylookError, ModelNotFound, PullFailed

TIMEOUT_SECONDS = 20.0
REMEDY = "Pulling models needs huggingface_hub; install it with: pip install 'heylook[pull]'"


class Interrupted(Exception):
    """The connection broke off, or the hub is out of order for now: worth another try. Never leaves the pull."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class RemoteFile(NamedTuple):
    """`digest` is `sha256:` of the content for large files, `sha1:` of git's blob for small ones; `bytes` its size."""

    name: str
    bytes: int
    digest: str


class Repository(NamedTuple):
    """What a repository held when it was looked at; `revision` is the commit."""

    name: str
    revision: str
    files: tuple[RemoteFile, ...]


class Hub:
    """A hub at `endpoint`; None is huggingface_hub's own default. Blocks; any thread but the event loop's.

    The token is the one that huggingface_hub finds: HF_TOKEN, or what `hf auth login` has stored. Raises PullFailed
    at construction where huggingface_hub is not installed.
    """

    def __init__(self, endpoint: str | None = None) -> None:
        try:
            import huggingface_hub
        except ImportError as error:
            raise PullFailed(REMEDY) from error
        self._api = huggingface_hub.HfApi(endpoint=endpoint)
        self.endpoint: str = self._api.endpoint

    def look(self, name: str) -> Repository:
        """The files of ORG/NAME. Raises ModelNotFound, Forbidden or PullFailed."""
        try:
            with self._worded(name):
                found = self._api.model_info(name, revision="main", files_metadata=True, timeout=TIMEOUT_SECONDS)
        except Interrupted as error:
            raise PullFailed(error.message) from error
        files = tuple(_remote(sibling) for sibling in found.siblings or ())
        return Repository(name, found.sha or "main", tuple(file for file in files if _is_safe(file.name)))

    @contextmanager
    def reading(self, repository: Repository, file: RemoteFile, start: int) -> Iterator[tuple[int, Iterator[bytes]]]:
        """The content from byte `start` on, with the byte at which it really begins: 0 where the hub sends all.

        Raises as `look` does, and Interrupted, also while the content is read.
        """
        from huggingface_hub import get_session, hf_hub_url
        from huggingface_hub.utils import build_hf_headers, hf_raise_for_status  # type: ignore[attr-defined]

        url = hf_hub_url(repository.name, file.name, revision=repository.revision, endpoint=self.endpoint)
        headers = {**build_hf_headers(), "Accept-Encoding": "identity"}
        if start:
            headers["Range"] = f"bytes={start}-"
        with (
            self._worded(repository.name),
            get_session().stream("GET", url, headers=headers, timeout=TIMEOUT_SECONDS) as response,
        ):
            hf_raise_for_status(response)
            yield start if response.status_code == 206 else 0, response.iter_bytes()

    @contextmanager
    def _worded(self, name: str) -> Iterator[None]:
        from huggingface_hub import errors

        broken: Any = errors.HfHubHTTPError.__mro__[1]  # HTTPError of httpx, or of httpx2 in newer versions
        try:
            yield
        except errors.HfHubHTTPError as error:
            raise self._of_status(name, error) from error
        except (broken, OSError) as error:
            raise Interrupted(f"The hub at {self.endpoint} did not send {name}: {error}") from error

    def _of_status(self, name: str, error: Any) -> HeylookError | Interrupted:
        status = error.response.status_code
        if status in (401, 403):
            return Forbidden(
                f"The hub at {self.endpoint} does not show {name}: it does not exist, or it is private or gated; set "
                "HF_TOKEN to a token that may read it, or run `hf auth login`, and accept its licence on its page."
            )
        if status == 404:
            return ModelNotFound(f"There is no {name} on the hub at {self.endpoint}; check its name.", param="model")
        kind = Interrupted if status >= 500 or status == 429 else PullFailed
        return kind(f"The hub at {self.endpoint} answered with status {status} for {name}; try again later.")


def _remote(sibling: Any) -> RemoteFile:
    if sibling.lfs is not None:
        return RemoteFile(sibling.rfilename, sibling.lfs.size, f"sha256:{sibling.lfs.sha256}")
    digest = f"sha1:{sibling.blob_id}" if sibling.blob_id else ""
    return RemoteFile(sibling.rfilename, sibling.size or 0, digest)


def _is_safe(name: str) -> bool:
    """Whether the name stays inside the folder that it is stored in."""
    path = PurePosixPath(name)
    return not path.is_absolute() and ".." not in path.parts and "\\" not in name
