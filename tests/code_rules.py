"""What the code of the package may not do, found in its syntax trees; :mod:`tests.test_security` holds it to them.

A name is followed through the imports of its file, so that ``from os import system as run`` is seen too.
"""

from __future__ import annotations

import ast
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

# Extras that the tests do without: what they need may not go together with what the tests pin.
NOT_PINNED = ("dask", "emperor", "mlflow", "umap", "wandb")

PICKLES = {"pickle", "_pickle", "cPickle", "dill", "joblib", "cloudpickle", "shelve", "marshal", "jsonpickle", "skops"}
NETWORK = {"urllib", "urllib3", "requests", "httpx", "aiohttp", "http", "ftplib", "smtplib", "telnetlib", "xmlrpc"}
NETWORK |= {"socketserver", "ssl", "webbrowser", "huggingface_hub", "wandb", "boto3", "paramiko", "socket"}
PROGRAMS = {"subprocess", "pty", "code", "codeop", "runpy"}
# Their parsers follow entities to files and addresses, and expand them without a limit.
MARKUP_READERS = {"xml", "lxml"}
FORBIDDEN_MODULES = {
    **dict.fromkeys(PICKLES, "reads pickles"),
    **dict.fromkeys(NETWORK, "is for the network"),
    **dict.fromkeys(PROGRAMS, "runs programs or code"),
    **dict.fromkeys(MARKUP_READERS, "reads XML"),
}
CODE = {"eval", "exec", "compile", "__import__", "globals", "importlib.import_module"}
SHELLS = {"os.system", "os.popen", "os.execv", "os.execve", "os.execvp", "os.spawnv", "os.posix_spawn", "os.fork"}
LOADERS = {
    *("yaml.unsafe_load", "yaml.unsafe_load_all", "yaml.full_load", "yaml.full_load_all", "yaml.load_all"),
    *("torch.jit.load", "torch.hub.load", "torch.package.PackageImporter", "torch.export.load", "pandas.read_pickle"),
    *("numpy.fromregex", "safetensors.torch.load_model"),
}
UNSAFE_FILES = {"tempfile.mktemp", "os.umask", "os.tempnam", "os.tmpnam"}
FORBIDDEN_CALLS = {
    **dict.fromkeys(CODE, "runs code from text"),
    **dict.fromkeys(SHELLS, "runs a program"),
    **dict.fromkeys(LOADERS, "runs code from files"),
    **dict.fromkeys(UNSAFE_FILES, "makes files that others can take"),
}
# Whatever the object is: these write the members of archives to wherever their names say, or load code into SQLite.
FORBIDDEN_METHODS = {"extractall", "extract", "unpack_archive", "enable_load_extension", "load_extension"}
CHECKPOINT_MODULE = "aam/training/checkpoints/checkpoint.py"
WEAK_HASHES = {"hashlib.md5", "hashlib.sha1"}
MODULE_OF_ALIAS = {"np": "numpy", "pd": "pandas"}


@dataclass(frozen=True)
class Finding:
    """One place that breaks a rule; ``key`` is what an exception names."""

    path: str
    line: int
    rule: str

    @property
    def key(self) -> tuple[str, str]:
        return self.path, self.rule


@dataclass(frozen=True)
class Call:
    """A call, with its full name as far as the file's imports tell."""

    node: ast.Call
    name: str
    path: str

    def constant(self, keyword: str) -> object:
        """The constant that is given to a keyword, else None."""
        values = [k.value for k in self.node.keywords if k.arg == keyword]
        return values[0].value if values and isinstance(values[0], ast.Constant) else None

    @property
    def arguments(self) -> list[ast.expr]:
        return [*self.node.args, *(k.value for k in self.node.keywords)]


def findings(source: str, path: str) -> Iterator[Finding]:
    """Each place of a file that breaks a rule."""
    tree = ast.parse(source)
    names = imported_names(tree)
    for node in ast.walk(tree):
        for module in imported_modules(node):
            if module in FORBIDDEN_MODULES:
                yield Finding(path, node.lineno, f"imports {module}, which {FORBIDDEN_MODULES[module]}")
        if isinstance(node, ast.Call):
            call = Call(node, full_name(node.func, names), path)
            yield from (Finding(path, node.lineno, rule) for check in CALL_RULES if (rule := check(call)))


def imported_modules(node: ast.AST) -> list[str]:
    """Top-level names of the modules that a statement imports."""
    if isinstance(node, ast.Import):
        return [alias.name.split(".")[0] for alias in node.names]
    return [(node.module or "").split(".")[0]] if isinstance(node, ast.ImportFrom) else []


def imported_names(tree: ast.AST) -> dict[str, str]:
    """Local name -> what it is, of all imports of a file."""
    names = dict(MODULE_OF_ALIAS)
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.asname: alias.name for alias in node.names if alias.asname}
        elif isinstance(node, ast.ImportFrom):
            names |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
    return names


def full_name(node: ast.expr, names: dict[str, str]) -> str:
    """``a.b.c`` of a name or attribute, with what ``a`` was imported as; of anything else the attribute alone."""
    if isinstance(node, ast.Name):
        return names.get(node.id, node.id)
    if isinstance(node, ast.Attribute):
        return f"{full_name(node.value, names)}.{node.attr}"
    return ""


def _forbidden(call: Call) -> str:
    method = call.name.rpartition(".")[2]
    if call.name in FORBIDDEN_CALLS:
        return f"{call.name} {FORBIDDEN_CALLS[call.name]}"
    return f".{method}" if method in FORBIDDEN_METHODS and "." in call.name else ""


def _loads_tensors(call: Call) -> str:
    is_load = call.name == "torch.load" or call.name.endswith("load_from_checkpoint")
    if is_load and call.path != CHECKPOINT_MODULE:
        return "torch.load outside the checkpoint module"
    return "torch.load without weights_only=True" if is_load and call.constant("weights_only") is not True else ""


def _reads_objects(call: Call) -> str:
    if call.name in ("numpy.load", "numpy.save") and call.constant("allow_pickle") is not False:
        return f"{call.name} without allow_pickle=False"
    return ""


def _reads_yaml(call: Call) -> str:
    if call.name not in ("yaml.load", "yaml.compose", "yaml.parse", "yaml.scan", "yaml.dump"):
        return ""
    safe = any(full_name(value, {}).endswith(("SafeLoader", "SafeDumper")) for value in call.arguments)
    return "" if safe else f"{call.name} without a safe loader or dumper"


def _starts_shells(call: Call) -> str:
    return "shell=True" if call.constant("shell") is True else ""


def _hashes_weakly(call: Call) -> str:
    weak = call.name in WEAK_HASHES or (
        call.name == "hashlib.new" and not (call.node.args and is_literal(call.node.args[0], ("sha256", "blake2b")))
    )
    return f"{call.name} for security" if weak and call.constant("usedforsecurity") is not False else ""


def _escapes_nothing(call: Call) -> str:
    if call.name.endswith("Environment") and call.name.startswith("jinja2") and call.constant("autoescape") is not True:
        return "a jinja2 environment without autoescape=True"
    if call.name in ("jinja2.Template", "markupsafe.Markup") and not all(map(is_literal, call.node.args)):
        return f"{call.name} of what is no literal"
    return ""


def _opens_to_all(call: Call) -> str:
    method = call.name.rpartition(".")[2]
    if method not in ("chmod", "fchmod", "lchmod", "mkdir", "makedirs", "touch"):
        return ""
    modes = [a for a in call.arguments if isinstance(a, ast.Constant) and type(a.value) is int]
    open_to_all = any(mode.value & stat.S_IWOTH for mode in modes)
    unknown = method.endswith("chmod") and not modes
    return f"{method} lets everybody write" if open_to_all or unknown else ""


def is_literal(node: ast.expr, among: tuple[str, ...] = ()) -> bool:
    """Whether an expression is a constant, one of some if they are given."""
    return isinstance(node, ast.Constant) and (not among or node.value in among)


CALL_RULES: tuple[Callable[[Call], str], ...] = (
    _forbidden,
    _loads_tensors,
    _reads_objects,
    _reads_yaml,
    _starts_shells,
    _hashes_weakly,
    _escapes_nothing,
    _opens_to_all,
)


def findings_of(path: Path, root: Path) -> list[Finding]:
    return list(findings(path.read_text(encoding="utf-8"), path.relative_to(root).as_posix()))
