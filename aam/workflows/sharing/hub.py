"""The one place that speaks with a model hub, by ``huggingface_hub``: the extra ``hub``.

Nothing is imported, and no connection made, before `aam pull` or `aam push` is asked for. Whose token it is, which
hub, and whether to stay offline is for the library's own settings to say: ``HF_TOKEN`` or ``hf auth login``,
``HF_ENDPOINT``, ``HF_HUB_OFFLINE``.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from aam.errors import CheckpointError, ConfigError, RunError
from aam.text import shorten
from aam.version import __version__

LIBRARY = "huggingface_hub"
QUIET = {"HF_HUB_DISABLE_TELEMETRY": "1", "HF_HUB_DISABLE_PROGRESS_BARS": "1"}
"""Set before the library is loaded, unless the user has."""
UNAUTHORISED, FORBIDDEN, NOT_FOUND = 401, 403, 404
MOST_WORDS = 160
SIGN_IN = "set HF_TOKEN, or run hf auth login"


@dataclass(frozen=True, kw_only=True)
class Remote:
    """A model on a hub.

    Attributes
    ----------
    repository, endpoint
        ``OWNER/NAME``, and the address of the hub.
    revision
        The commit.
    is_private
        Whether others cannot see it.
    sizes
        Name of each file -> its bytes; None where the hub does not say.
    sums
        Name -> SHA-256, of the files that the hub says it of.
    """

    repository: str
    endpoint: str
    revision: str
    is_private: bool
    sizes: Mapping[str, int | None]
    sums: Mapping[str, str]

    @property
    def address(self) -> str:
        """Its page."""
        return f"{self.endpoint}/{self.repository}"


class Hub:
    """A hub, as its library's settings have it.

    Raises
    ------
    ConfigError
        If the extra is not installed.
    RunError
        If the settings say to stay offline.
    """

    def __init__(self) -> None:
        if find_spec(LIBRARY) is None:
            raise ConfigError(f"model hubs need {LIBRARY}, which is not installed: pip install 'aam[hub]'")
        for name, value in QUIET.items():
            os.environ.setdefault(name, value)
        import huggingface_hub
        from huggingface_hub import constants

        if constants.is_offline_mode():
            raise RunError("HF_HUB_OFFLINE is set, so nothing is asked of a hub; models of the index work without one")
        self._library: Any = huggingface_hub
        address = os.environ.get("HF_ENDPOINT") or None
        self._api: Any = huggingface_hub.HfApi(endpoint=address, library_name="aam", library_version=__version__)

    @property
    def endpoint(self) -> str:
        """The address of the hub."""
        return str(self._api.endpoint).rstrip("/")

    def check_signed_in(self) -> None:
        """Refuse to go on without a token; raises :class:`~aam.errors.CheckpointError`."""
        if self._library.get_token() is None:
            raise refusal(self.endpoint, "you are not signed in, and only who is may send models", SIGN_IN)

    def look(self, repository: str, revision: str | None) -> Remote:
        """What a model consists of; nothing is downloaded.

        Raises
        ------
        CheckpointError
            If there is no such model or revision, or the user may not see it.
        RunError
            If the hub cannot be reached, or fails.
        """
        with self._said_plainly(repository, revision):
            found = self._api.model_info(repository, revision=revision, files_metadata=True)
        files = list(found.siblings or [])
        return Remote(
            repository=repository,
            endpoint=self.endpoint,
            revision=_commit(repository, found.sha),
            is_private=bool(found.private),
            sizes={str(one.rfilename): one.size for one in files},
            sums={str(one.rfilename): str(one.lfs.sha256) for one in files if one.lfs is not None},
        )

    def is_private(self, repository: str) -> bool | None:
        """Whether a model that is on the hub is private; None if there is none, as far as the user can see.

        Raises
        ------
        CheckpointError, RunError
            As :meth:`look`.
        """
        errors = self._library.errors
        with self._said_plainly(repository, None):
            try:
                return bool(self._api.model_info(repository).private)
            except errors.RepositoryNotFoundError as error:
                if isinstance(error, errors.GatedRepoError) or _status(error) != NOT_FOUND:
                    raise
                return None

    def download(self, remote: Remote, name: str, folder: Path) -> Path:
        """Download one file of a model, at its commit, into a folder.

        Raises
        ------
        CheckpointError, RunError
            As :meth:`look`; if the file is not what the hub said.
        """
        with self._said_plainly(remote.repository, remote.revision):
            return Path(
                self._api.hf_hub_download(remote.repository, name, revision=remote.revision, local_dir=str(folder))
            )

    def create(self, repository: str, *, private: bool) -> None:
        """Make an empty repository; raises what :meth:`look` does, also if it is there meanwhile."""
        with self._said_plainly(repository, None):
            self._api.create_repo(repository, private=private)

    def upload(self, repository: str, folder: Path, names: Sequence[str], message: str) -> str:
        """Send files of a folder in one commit; returns the commit.

        Raises
        ------
        CheckpointError, RunError
            As :meth:`look`.
        """
        operations = [self._library.CommitOperationAdd(name, str(folder / name)) for name in names]
        with self._said_plainly(repository, None):
            done = self._api.create_commit(repository, operations, commit_message=message)
        return _commit(repository, done.oid)

    @contextmanager
    def _said_plainly(self, repository: str, revision: str | None) -> Iterator[None]:
        """Say in our words what goes wrong with a hub."""
        errors = self._library.errors
        page = f"{self.endpoint}/{repository}"
        try:
            yield
        except errors.GatedRepoError:
            problem = "its owner lets in whom they choose, and you are not yet, or your token is lacking"
            raise refusal(repository, problem, f"ask at {page}; {SIGN_IN}") from None
        except errors.RevisionNotFoundError:
            problem = f"has no revision '{shorten(str(revision), 60)}'"
            raise refusal(repository, problem, f"see {page}/commits") from None
        except errors.RepositoryNotFoundError as error:
            raise _not_found(repository, page, error) from None
        except errors.HfHubHTTPError as error:
            raise _refused(repository, page, error) from None
        except (errors.OfflineModeIsEnabled, errors.LocalEntryNotFoundError, *_no_connection()) as error:
            raise RunError(f"{self.endpoint}: no connection ({_words(error)}); nothing was changed here") from None
        except (OSError, RuntimeError, ValueError, KeyError, TypeError) as error:
            cause = error.__cause__ if isinstance(error.__cause__, errors.HfHubHTTPError) else None
            if cause is not None:
                raise _refused(repository, page, cause) from None
            raise RunError(f"{page}: the hub and its library do not agree ({_words(error)})") from None


def refusal(repository: str, problem: str, remedy: str) -> CheckpointError:
    """What is wrong with a model of a hub, in a line."""
    return CheckpointError(f"{repository}: {problem}; {remedy}")


def _no_connection() -> tuple[type[Exception], ...]:
    """The errors of the HTTP library that mean that nobody answers."""
    from huggingface_hub.errors import HfHubHTTPError

    bases = [base for base in HfHubHTTPError.__mro__ if base.__name__ == "HTTPError"]
    return (*bases, ConnectionError, TimeoutError)


def _commit(repository: str, found: Any) -> str:
    """A commit as a hub names it: only such a name is put into paths and records."""
    text = str(found)
    if len(text) != 40 or not set(text) <= set("0123456789abcdef"):
        raise RunError(f"{repository}: the hub names no commit ({shorten(text, 60)})")
    return text


def _not_found(repository: str, page: str, error: Exception) -> CheckpointError:
    """Hubs answer the same for what is not there and for what one may not see."""
    problem = "no such model on the hub, or it is private and your token does not open it"
    if _status(error) == UNAUTHORISED:
        problem = "no such model on the hub, or you are not signed in (401)"
    return refusal(repository, problem, f"look at {page}, or sign in: {SIGN_IN}")


def _refused(repository: str, page: str, error: Any) -> CheckpointError | RunError:
    status = _status(error)
    if status in (UNAUTHORISED, FORBIDDEN):
        problem = f"the hub refuses it ({status}): your token is lacking, wrong, or may not do this"
        return refusal(repository, problem, f"sign in with one that may: {SIGN_IN}")
    if status == NOT_FOUND:
        return refusal(repository, "the hub has no such file (404)", f"look at {page}")
    return RunError(f"{page}: the hub failed ({_words(error)}); try again later")


def _status(error: Any) -> int:
    return int(getattr(getattr(error, "response", None), "status_code", 0) or 0)


def _words(error: Exception) -> str:
    text = " ".join(str(error).split())
    return shorten(text, MOST_WORDS) or type(error).__name__
