"""`aam pull` and `aam push` with a real server on this machine that answers as a model hub does."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import aam
from aam.cli.main import main
from aam.errors import AamError, CheckpointError, InputError, RunError
from aam.estimators import AAMRegressor
from tests.workflows.sharing.server import FakeHub, Repository, names

# huggingface_hub 2.4 hands bytes to its HTTP library in a way that the latter calls old.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")
FILES = ["README.md", "config.json", "model.safetensors"]


def test_a_model_travels(
    hub: FakeHub, regressor: Path, frame: pd.DataFrame, index: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--licence", "CC-BY-4.0", "--population", "adults", "--yes"]
    assert main(["push", str(regressor), "lab/gut-age", *words]) == 0
    said = capsys.readouterr().out
    assert f"{hub.address}/lab/gut-age (new, private)" in said
    assert "note: the card does not state: --region, --citation" in said
    repository = hub.repositories["lab/gut-age"]
    assert repository.private
    assert sorted(repository.files) == FILES
    assert repository.files["model.safetensors"] == (regressor / "model.safetensors").read_bytes()
    assert repository.files["README.md"].startswith(b"---\nlicense: cc-by-4.0\nlibrary_name: aam\n")
    assert hub.messages == [f"AAM {aam.__version__}: model of y"]
    assert b"CC-BY" not in (regressor / "README.md").read_bytes()

    assert main(["pull", "lab/gut-age", "--yes"]) == 0
    said = capsys.readouterr().out
    assert f"commit {repository.commit[:12]}, as gut-age" in said
    assert names(index / "gut-age" / "model") == FILES
    table = aam.list_models()
    assert table["licence"][0] == "CC-BY-4.0"
    assert table["source"][0] == f"{hub.address}/lab/gut-age at {repository.commit[:12]}"
    expected = AAMRegressor.load(regressor).predict(frame)
    np.testing.assert_array_equal(AAMRegressor.from_pretrained("gut-age").predict(frame), expected)
    known = ("/api/models/lab/gut-age", "/api/repos/create", "/api/validate-yaml", "/lab/gut-age", "/lfs/")
    assert [line for line in hub.requests if not line.split()[1].startswith(known)] == []


@pytest.mark.parametrize(("answer", "is_done"), [("y", True), ("Yes", True), ("", False), ("n", False)])
def test_the_user_is_asked(
    answer: str, is_done: bool, hub: FakeHub, regressor: Path, index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.put("lab/age", regressor)
    typed = io.StringIO(f"{answer}\n")
    monkeypatch.setattr(typed, "isatty", lambda: True)
    monkeypatch.setattr(sys, "stdin", typed)
    assert main(["pull", "lab/age"]) == 0
    assert (index / "age").exists() == is_done


def test_from_python_nothing_is_asked(hub: FakeHub, regressor: Path) -> None:
    commit = aam.push(regressor, "lab/age", public=True, message="first")
    assert (hub.messages, hub.repositories["lab/age"].private) == (["first"], False)
    assert hub.repositories["lab/age"].commit == commit
    assert aam.pull("lab/age", name="theirs", revision="main", progress=False).parent.name == "theirs"


def test_without_an_answer_nothing_is_done(
    hub: FakeHub, regressor: Path, index: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hub.put("lab/age", regressor)
    assert main(["push", str(regressor), "lab/new"]) == 2
    assert "add --yes" in capsys.readouterr().err
    assert main(["pull", "lab/age"]) == 2
    assert "add --yes" in capsys.readouterr().err
    assert {line.split()[0] for line in hub.requests} == {"GET"}
    assert not any("resolve" in line for line in hub.requests)
    assert not index.exists()


@pytest.mark.parametrize(("private", "word"), [(False, "add --public"), (True, "leave out --public")])
def test_who_sees_it_is_never_changed_silently(private: bool, word: str, hub: FakeHub, regressor: Path) -> None:
    hub.put("lab/age", regressor, private=private)
    with pytest.raises(AamError, match=word.replace("--", "").replace("add public", "public=True|public")):
        aam.push(regressor, "lab/age", public=private)
    assert hub.messages == []


def test_a_second_push_is_a_further_commit(hub: FakeHub, regressor: Path) -> None:
    first = aam.push(regressor, "lab/age", licence="MIT")
    second = aam.push(regressor, "lab/age", region="V4")
    assert first != second
    assert len(hub.messages) == 2


def test_a_pulled_model_keeps_what_is_stated(hub: FakeHub, regressor: Path) -> None:
    aam.push(regressor, "lab/age", licence="My own licence", citation="doi:10.1/2")
    aam.pull("lab/age")
    aam.push("age", "lab/copy", region="V4")
    card = hub.repositories["lab/copy"].files["README.md"].decode()
    assert "license: other\nlicense_name: My own licence\n" in card
    assert "- Please cite: doi:10.1/2" in card
    assert "- Region of 16S and primers: V4" in card
    assert card.count("## Stated by the author") == 1


def test_other_files_are_left_there(
    hub: FakeHub, regressor: Path, index: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    repository = hub.put("lab/age", regressor)
    others = ["pytorch_model.bin", "../../up.txt", "sub/model.safetensors", "/etc/x", "code.py"]
    repository.files.update(dict.fromkeys(others, b"\x80\x04."))
    assert main(["pull", "lab/age", "--yes"]) == 0
    said = capsys.readouterr().out
    assert "left there: .gitattributes, pytorch_model.bin, ../../up.txt" in said
    assert "(pytorch_model.bin may hold code)" in said
    assert names(index / "age" / "model") == FILES
    assert names(index / "age") == ["entry.json", "model"]
    assert not any(name in line for line in hub.requests for name in ("pytorch", "up.txt", "sub/", "code.py"))
    assert not list(tmp_path.rglob("up.txt"))


def damaged(repository: Repository, regressor: Path, classifier: Path, how: str) -> None:
    weights, copy = "model.safetensors", "config.json"
    if how == "changed on the way":
        repository.sent[weights] = bytes(reversed(repository.files[weights]))
    elif how == "longer than said":
        repository.said[copy] = 10
    elif how == "weights damaged":
        repository.files[weights] = repository.files[weights][:-1] + b"?"
    elif how == "a pickle":
        repository.files[weights] = b"\x80\x04\x95" + bytes(100)
    elif how == "other description":
        repository.files[copy] = (classifier / copy).read_bytes()
    elif how == "bad card":
        repository.files["README.md"] = b"---\n!!python/object:os.system x\n---\n"


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("changed on the way", "checksum is not the hub's"),
        ("longer than said", "were announced|do not agree"),
        ("weights damaged", "damaged"),
        ("a pickle", "not an AAM model, or damaged .*pickles are never loaded"),
        ("other description", "it is not the description of model.safetensors"),
        ("bad card", "tags .* are not accepted|expected a name|not accepted"),
    ],
)
def test_what_is_damaged_does_not_enter(
    how: str, message: str, hub: FakeHub, regressor: Path, classifier: Path, index: Path
) -> None:
    damaged(hub.put("lab/age", regressor), regressor, classifier, how)
    with pytest.raises(AamError, match=message):
        aam.pull("lab/age")
    assert names(index) == []


def test_a_download_that_stops_leaves_nothing(
    hub: FakeHub, regressor: Path, classifier: Path, index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.file_download.time.sleep", lambda seconds: None, raising=False)
    monkeypatch.setattr("huggingface_hub.utils._http.time.sleep", lambda seconds: None)
    aam.add_model(classifier, "age")
    hub.put("lab/age", regressor).stops.add("model.safetensors")
    with pytest.raises(RunError):
        aam.pull("lab/age", overwrite=True)
    assert names(index) == ["age"]
    assert aam.list_models()["kind"][0] == "classification"


@pytest.mark.parametrize(
    ("repository", "message"),
    [
        ("lab/nothing", "lab/nothing: no such model on the hub, or it is private"),
        ("lab/gated", "lab/gated: its owner lets in whom they choose"),
        ("lab/other", "lab/other: is no model of AAM: it has no model.safetensors"),
    ],
)
def test_what_cannot_be_pulled(repository: str, message: str, hub: FakeHub, regressor: Path, index: Path) -> None:
    hub.put("lab/gated", regressor, gated=True)
    hub.repositories["lab/other"] = Repository({"pytorch_model.bin": b"\x80\x04."})
    with pytest.raises(CheckpointError, match=message):
        aam.pull(repository)
    assert not index.exists() or names(index) == []


def test_without_a_token(hub: FakeHub, regressor: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HF_TOKEN")
    hub.put("lab/private", regressor, private=True)
    with pytest.raises(CheckpointError, match=r"you are not signed in \(401\); look at .*set HF_TOKEN"):
        aam.pull("lab/private")
    hub.requests.clear()
    with pytest.raises(CheckpointError, match="only who is may send models; set HF_TOKEN"):
        aam.push(regressor, "lab/new")
    assert hub.requests == []


@pytest.mark.parametrize(
    ("start", "status", "kind", "message"),
    [
        ("POST /api/repos/create", 403, CheckpointError, r"the hub refuses it \(403\)"),
        ("POST /api/models/lab/new/commit", 401, CheckpointError, r"not signed in|refuses it \(401\)"),
        ("PUT /lfs", 400, RunError, "the hub failed"),
        ("GET /api/models", 500, RunError, "the hub failed"),
    ],
)
def test_a_hub_that_refuses(
    start: str, status: int, kind: type[AamError], message: str, hub: FakeHub, regressor: Path
) -> None:
    hub.refuses[start] = status
    with pytest.raises(kind, match=message):
        aam.push(regressor, "lab/new")


def test_without_a_network(hub: FakeHub, index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(RunError, match=r"http://127.0.0.1:9: no connection"):
        aam.pull("lab/age")
    assert not index.exists()


def test_offline_the_index_works(
    hub: FakeHub, regressor: Path, frame: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.put("lab/age", regressor)
    aam.pull("lab/age")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    hub.requests.clear()
    with pytest.raises(RunError, match="HF_HUB_OFFLINE is set"):
        aam.pull("lab/age", overwrite=True)
    assert len(AAMRegressor.from_pretrained("age").predict(frame)) == len(frame)
    assert hub.requests == []


def test_revisions(hub: FakeHub, regressor: Path, index: Path) -> None:
    hub.put("lab/age", regressor)
    aam.pull("lab/age", revision="v1")
    assert any(line == "GET /api/models/lab/age/revision/v1" for line in hub.requests)
    assert all("/resolve/" + "a" * 40 in line for line in hub.requests if "resolve" in line)
    assert '"revision": "' + "a" * 40 in (index / "age" / "entry.json").read_text()
    with pytest.raises(CheckpointError, match="has no revision 'v2'"):
        aam.pull("lab/age", revision="v2", name="other")


def test_sizes_are_limited(hub: FakeHub, regressor: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.put("lab/age", regressor).said["model.safetensors"] = 5 << 30
    with pytest.raises(CheckpointError, match=r"has 5.4 GB, at most 4.3 GB are taken"):
        aam.pull("lab/age")
    assert not any("resolve" in line for line in hub.requests)


@pytest.mark.parametrize(
    "name", ["age", "a/b/c", "../age", "lab/..", "lab/a--b", "http://x/y", "lab/age.git", "lab/a b"]
)
def test_names_that_no_hub_has(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["pull", name, "--yes"]) == 2
    assert "--repository must be OWNER/NAME" in capsys.readouterr().err


def test_a_taken_name_is_found_before_the_hub_is_asked(hub: FakeHub, regressor: Path) -> None:
    aam.add_model(regressor, "age")
    with pytest.raises(InputError, match="the index has a model of this name"):
        aam.pull("lab/age")
    assert hub.requests == []


def test_nothing_of_the_hub_is_loaded_unasked() -> None:
    code = "import sys, aam; aam.list_models(); print('huggingface_hub' in sys.modules)"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout == "False\n"
