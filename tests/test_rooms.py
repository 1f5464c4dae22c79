"""The room table, held against the real imports.

A module imports only from rows above its own, never from its own row in a circle, and a third-party package only where
the table says. Imports inside functions count like all others: a lazy import hides a circle, it does not open it. Only
what stands under ``if TYPE_CHECKING:`` may close a circle inside a row, because it never runs: two neighbours may name
each other's types. It may not reach into a row below, for a type is a dependency too.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from importlib.util import resolve_name
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "cbauth"

# From the top row down. A room is a module or a package under cbauth; "" is cbauth itself, the list of public names.
ROWS: dict[str, tuple[str, ...]] = {
    "words": ("errors", "events", "forks", "outcomes"),
    "core": ("core",),
    "decided": ("plan",),
    "config": ("config",),
    "shell": ("secrets", "stores", "oauth", "failover", "trust", "display"),
    "face": ("managers", "members", "watching", "toolkit", "singletons", "integrations"),
    "doors": ("", "__main__", "cli", "widgets"),
}

# Each third-party package and the rooms that may import it. Nothing else may be imported at all.
PACKAGES: dict[str, tuple[str, ...]] = {
    "click": ("cli",),
    "ipywidgets": ("widgets",),
    "IPython": ("widgets",),
    "filelock": ("oauth.credentials",),
    "keyring": ("oauth.credentials", "secrets"),
    "oauthlib": ("oauth",),
    "platformdirs": ("config", "oauth", "stores.sqlite", "trust"),
    "pydantic": ("config.schema",),
    "pydantic_core": ("config.schema",),
    "redis": ("stores.redis",),
    "requests": ("oauth",),
    "requests_oauthlib": ("oauth",),
    "rich": ("cli",),
    "ruamel": ("config.document",),
    "tenacity": ("failover", "oauth"),
    "traitlets": ("widgets",),
    "watchfiles": ("watching",),
}

# The core decides and does nothing else: time and dice are arguments, and it meets neither files, sockets nor threads.
NOT_IN_CORE = frozenset(
    {"asyncio", "datetime", "io", "logging", "os", "pathlib", "random", "secrets", "socket", "sqlite3", "subprocess"}
    | {"sys", "tempfile", "threading", "time", "uuid"}
)

DRAWERS = frozenset({"common", "helper", "helpers", "misc", "shared", "tools", "util", "utils"})
LONGEST_FILE = 420


@dataclass(frozen=True, slots=True, kw_only=True)
class Import:
    """One import: ``module`` imports ``target``; ``typing`` if only a type checker runs it."""

    module: str
    target: str
    line: int
    typing: bool

    def __str__(self) -> str:
        return f"{self.module or 'cbauth'}:{self.line} imports {self.target or 'cbauth'}"


def sources(package: Path) -> dict[str, Path]:
    """Every module of ``package`` by its dotted name under it; the package itself is ``""``."""
    found = {}
    for path in sorted(package.rglob("*.py")):
        parts = path.relative_to(package).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports_of(module: str, path: Path, modules: dict[str, Path]) -> Iterator[Import]:
    """What ``module`` imports, wherever in the file; cbauth's own modules without the leading ``cbauth.``."""
    tree = ast.parse(path.read_text("utf-8"), str(path))
    type_only = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")
        for statement in node.body
        for inner in ast.walk(statement)
    }
    name = f"cbauth.{module}".rstrip(".")
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    for node in ast.walk(tree):
        for target in targets_of(node, package, modules):
            if target != module:
                yield Import(
                    module=module, target=target, line=getattr(node, "lineno", 0), typing=id(node) in type_only
                )


def targets_of(node: ast.AST, package: str, modules: dict[str, Path]) -> list[str]:
    """The modules that one statement imports."""
    if isinstance(node, ast.Import):
        names = [alias.name for alias in node.names]
    elif isinstance(node, ast.ImportFrom):
        origin = resolve_name("." * node.level + (node.module or ""), package) if node.level else node.module or ""
        names = [f"{origin}.{alias.name}" for alias in node.names]
    elif isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] in {"import_module", "__import__"}:
        names = [arg.value for arg in node.args[:1] if isinstance(arg, ast.Constant) and isinstance(arg.value, str)]
    else:
        names = []
    return list(dict.fromkeys(nearest(name, modules) for name in names))


def nearest(name: str, modules: dict[str, Path]) -> str:
    """``name`` itself if it is foreign, else cbauth's module that it lies in, as its own name under cbauth."""
    if name != "cbauth" and not name.startswith("cbauth."):
        return name
    inner = name.removeprefix("cbauth").removeprefix(".")
    while inner not in modules and inner:
        inner = inner.rpartition(".")[0]
    return inner


def row_of(module: str) -> str | None:
    """The row that holds ``module``, or ``None`` if the table has no room for it."""
    room = module.partition(".")[0]
    return next((row for row, rooms in ROWS.items() if room in rooms), None)


def is_within(module: str, rooms: tuple[str, ...]) -> bool:
    return any(module == room or module.startswith(f"{room}.") for room in rooms)


def homeless(package: Path) -> list[str]:
    return [f"{module or 'cbauth'}: no room in the table" for module in sources(package) if row_of(module) is None]


def upside_down(package: Path) -> list[str]:
    """Imports from a row below."""
    modules, order = sources(package), list(ROWS)
    found = []
    for module, path in modules.items():
        for each in imports_of(module, path, modules):
            mine, theirs = row_of(module), row_of(each.target) if each.target in modules else None
            if mine and theirs and order.index(theirs) > order.index(mine):
                found.append(f"{each}, which is a row below ({mine} <- {theirs})")
    return found


def circles(package: Path) -> list[str]:
    """The first circle of imports that run, if there is one."""
    modules = sources(package)
    graph = {
        module: {
            each.target for each in imports_of(module, path, modules) if each.target in modules and not each.typing
        }
        for module, path in modules.items()
    }
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return [" <- ".join(name or "cbauth" for name in error.args[1])]
    return []


def misplaced_packages(package: Path) -> list[str]:
    """Imports of third-party packages outside the rooms that the table gives them."""
    modules = sources(package)
    found = []
    for module, path in modules.items():
        for each in imports_of(module, path, modules):
            name = each.target.partition(".")[0]
            if each.target in modules or name in sys.stdlib_module_names:
                continue
            if not is_within(module, PACKAGES.get(name, ())):
                found.append(f"{each}; {name} is for {', '.join(PACKAGES.get(name, ())) or 'nobody'}")
    return found


def impure(package: Path) -> list[str]:
    """Modules of the core that import a clock, dice or I/O."""
    modules = sources(package)
    return [
        str(each)
        for module, path in modules.items()
        if row_of(module) == "core"
        for each in imports_of(module, path, modules)
        if each.target not in modules and each.target.partition(".")[0] in NOT_IN_CORE
    ]


def drawers(package: Path) -> list[str]:
    return [f"{module}: a drawer, not a room" for module in sources(package) if DRAWERS & set(module.split("."))]


def overgrown(package: Path) -> list[str]:
    lengths = {module: len(path.read_text("utf-8").splitlines()) for module, path in sources(package).items()}
    return [f"{module}: {lines} lines" for module, lines in lengths.items() if lines > LONGEST_FILE]


Rule = Callable[[Path], list[str]]
RULES: list[Rule] = [homeless, upside_down, circles, misplaced_packages, impure, drawers, overgrown]


@pytest.mark.parametrize("rule", RULES, ids=[rule.__name__ for rule in RULES])
def test_no_module_breaks_the_rule(rule: Rule) -> None:
    broken = rule(PACKAGE)
    assert not broken, "\n".join(broken)


def test_every_room_of_the_table_that_exists_is_seen() -> None:
    """The rules above would pass for an empty folder, so make sure that they look at the real one."""
    assert {"errors", "core.breaker", "plan", "stores.memory", "failover.engine", "toolkit", ""} <= set(
        sources(PACKAGE)
    )


def test_the_design_page_shows_the_same_table() -> None:
    page = (PACKAGE.parent / "docs/design.md").read_text("utf-8")
    shown = re.findall(r"^\| (\w+) \| (`.+?) \|", page, re.MULTILINE)
    assert [row for row, _ in shown] == list(ROWS)
    for row, rooms in shown:
        named = {room.partition("/")[0] for room in re.findall(r"`([\w/]+)`", rooms)}
        assert named <= set(ROWS[row])


@pytest.mark.parametrize(
    ("rule", "files", "complaint"),
    [
        (homeless, {"attic.py": ""}, "attic: no room in the table"),
        (upside_down, {"plan.py": "import cbauth.toolkit", "toolkit.py": ""}, "plan:1 imports toolkit"),
        (upside_down, {"core/a.py": "from cbauth import plan", "plan.py": ""}, "core.a:1 imports plan"),
        (upside_down, {"core/a.py": "def f():\n    from ..plan import Plan", "plan.py": ""}, "core.a:2 imports plan"),
        (
            upside_down,
            {"core/a.py": "if TYPE_CHECKING:\n    from cbauth.plan import Plan", "plan.py": ""},
            "core.a:2 imports plan",
        ),
        (upside_down, {"plan.py": "import cbauth"}, "plan:1 imports cbauth"),
        (
            circles,
            {"core/a.py": "from cbauth.core.b import x", "core/b.py": "def f():\n    import cbauth.core.a"},
            "core.a <- core.b <- core.a",
        ),
        (
            circles,
            {"core/__init__.py": "from cbauth.core.a import x", "core/a.py": "from cbauth.core import y"},
            "core",
        ),
        (misplaced_packages, {"plan.py": "import pydantic"}, "pydantic is for config.schema"),
        (misplaced_packages, {"cli/a.py": "import leftpad"}, "leftpad is for nobody"),
        (misplaced_packages, {"cli/a.py": "import_module('redis.client')"}, "redis is for stores.redis"),
        (impure, {"core/a.py": "from time import time"}, "core.a:1 imports time.time"),
        (drawers, {"config/helpers.py": ""}, "config.helpers: a drawer"),
        (overgrown, {"plan.py": "\n" * 421}, "plan: 421 lines"),
    ],
)
def test_each_rule_sees_what_it_is_there_for(rule: Rule, files: dict[str, str], complaint: str, tmp_path: Path) -> None:
    build(tmp_path, files)
    assert any(complaint in broken for broken in rule(tmp_path))


@pytest.mark.parametrize(
    "files",
    [
        {"core/a.py": "from cbauth.errors import CbauthError", "errors.py": ""},
        {"config/schema.py": "from pydantic import BaseModel"},
        {"core/a.py": "if TYPE_CHECKING:\n    from cbauth.core.b import x", "core/b.py": "from cbauth.core.a import y"},
    ],
    ids=["a row above", "a package in its room", "a circle of types"],
)
def test_what_the_table_allows_passes(files: dict[str, str], tmp_path: Path) -> None:
    build(tmp_path, files)
    assert not [broken for rule in RULES for broken in rule(tmp_path)]


def build(package: Path, files: dict[str, str]) -> None:
    for name, text in ({"__init__.py": ""} | files).items():
        path = package / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, "utf-8")
