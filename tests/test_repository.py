"""What has to hold of the repository as a whole: what is packaged, pinned, promised and left out."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from ruamel.yaml import YAML

import cbauth

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]

# Where packages come from is each machine's own business (its pip configuration says).
REGISTRY = re.compile(
    r"pypi\.org|pythonhosted\.org|registry\.npmjs|npmmirror\.com|deb\.debian\.org|--(extra-)?index-url"
)
PATH_OF_A_MACHINE = re.compile(r"(?<![\w.~:/-])/(?:root|work|home/\w+|Users/\w+)/")
UNFINISHED = re.compile(r"\bTODO\b|\bFIXME\b|type: ignore|\bnoqa\b|pragma: no (cover|branch)")


def files() -> list[Path]:
    """Every file of the repository, committed or about to be."""
    command = ["git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return [ROOT / name for name in listed.split("\0") if name and (ROOT / name).is_file()]


def places(pattern: re.Pattern[str], under: str = "") -> list[str]:
    """Where ``pattern`` stands in the repository's text files, as ``file:line: what``."""
    return [
        f"{path.relative_to(ROOT)}:{number}: {found.group()}"
        for path in files()
        if str(path.relative_to(ROOT)).startswith(under)
        for number, line in enumerate(path.read_text("utf-8", errors="ignore").splitlines(), 1)
        if (found := pattern.search(line))
    ]


def requirements(lines: list[str]) -> Iterator[Requirement]:
    """The requirements in ``lines`` that apply to this Python, extras of cbauth itself resolved."""
    for requirement in map(Requirement, lines):
        if requirement.name == "cbauth":
            yield from requirements([line for extra in sorted(requirement.extras) for line in EXTRAS[extra]])
        elif requirement.marker is None or requirement.marker.evaluate():
            yield requirement


def pins(path: Path) -> dict[str, str]:
    lines = [line for line in path.read_text("utf-8").splitlines() if not line.startswith("#")]
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.!+_-]+", line) for line in lines), "only name==version lines"
    return {canonicalize_name(name): version for name, version in (line.split("==") for line in lines)}


def test_the_top_level_holds_what_tools_and_readers_look_for_there() -> None:
    assert {path.relative_to(ROOT).parts[0] for path in files()} == {
        *("README.md", "CHANGELOG.md", "LICENSE", "profiles.yaml", "pyproject.toml", "constraints.txt", "Makefile"),
        *("cbauth", "schemas", "tests", "notebooks", "docs", "benchmarks"),
        *(".ci", ".github", "action.yml", ".pre-commit-config.yaml", ".pre-commit-hooks.yaml"),
        *(".editorconfig", ".gitignore"),
    }


def test_no_file_names_a_package_registry() -> None:
    assert places(REGISTRY) == []


def test_no_file_holds_an_absolute_path_of_somebodys_machine() -> None:
    assert places(PATH_OF_A_MACHINE) == []
    assert places(re.compile(re.escape(str(ROOT) + "/"))) == []


def test_no_file_is_larger_than_one_mebibyte() -> None:
    assert [str(path) for path in files() if path.stat().st_size > 1 << 20] == []


def test_the_package_is_finished_code_without_silenced_checks() -> None:
    assert places(UNFINISHED, under="cbauth/") == []


def test_notebooks_are_stored_without_outputs() -> None:
    cells = [
        (path.name, cell)
        for path in files()
        if path.suffix == ".ipynb"
        for cell in json.loads(path.read_text("utf-8"))["cells"]
        if cell["cell_type"] == "code"
    ]
    assert [name for name, cell in cells if cell["outputs"] or cell["execution_count"] is not None] == []


def test_the_changelog_opens_with_what_is_unreleased_and_dates_every_release() -> None:
    headings = re.findall(r"^## (.+)$", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE)
    assert headings[0] == "[Unreleased]"
    assert all(re.fullmatch(r"\[\d+\.\d+\.\d+\] - \d{4}-\d{2}-\d{2}", heading) for heading in headings[1:])


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    built = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    return next(folder.glob("*.whl"))


def test_the_wheel_carries_the_version_that_the_package_tells(wheel: Path) -> None:
    assert wheel.name == f"cbauth-{cbauth.__version__}-py3-none-any.whl"


def test_the_wheel_holds_the_whole_package_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if ".dist-info/" not in name}
    ours = {path.relative_to(ROOT).as_posix() for path in files() if path.is_relative_to(ROOT / "cbauth")}
    assert packed == ours
    assert "cbauth/py.typed" in packed


def test_the_wheel_brings_the_command_and_the_licence(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        info = {name.partition(".dist-info/")[2]: archive.read(name).decode() for name in archive.namelist()}
    assert "cbauth = cbauth.cli:main" in info["entry_points.txt"]
    assert "The cbauth authors" in info["licenses/LICENSE"]


def test_the_promised_extras_exist() -> None:
    assert {"redis", "keyring", "notebook", "rich", "dev"} <= set(EXTRAS)


def test_every_runtime_dependency_has_a_lower_and_an_upper_bound() -> None:
    lines = [*PROJECT["dependencies"], *(line for name in EXTRAS.keys() - {"dev", "bench"} for line in EXTRAS[name])]
    bounds = {line: {each.operator for each in Requirement(line).specifier} for line in lines}
    assert [line for line, operators in bounds.items() if not {">=", "<"} <= operators] == []


@pytest.mark.parametrize(("extra", "name"), [("dev", "constraints.txt"), ("bench", "benchmarks/constraints.txt")])
def test_every_direct_dependency_is_pinned_within_its_bounds(extra: str, name: str) -> None:
    pinned = pins(ROOT / name)
    wanted = list(requirements([*PROJECT["dependencies"], *EXTRAS[extra]]))
    assert [
        str(each) for each in wanted if not each.specifier.contains(pinned.get(canonicalize_name(each.name), "0"))
    ] == []


def test_ci_runs_the_very_command_that_the_readme_gives() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    assert "make demo" in readme
    assert "`make test`" in readme
    assert (ROOT / ".ci/run").read_text("utf-8").rstrip().endswith("\nexec make test")


@pytest.mark.parametrize(
    "arguments",
    [["validate-config", ".pre-commit-config.yaml"], ["validate-manifest", ".pre-commit-hooks.yaml"]],
    ids=["config", "manifest"],
)
def test_pre_commit_accepts_its_files(arguments: list[str]) -> None:
    command = [sys.executable, "-m", "pre_commit", *arguments]
    checked = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.parametrize(
    ("path", "checked"),
    [
        ("profiles.yaml", True),
        ("deploy/profiles.yaml", True),
        ("deploy/eu.profiles.yaml", True),
        ("myprofiles.yaml", False),
        ("profiles.yaml.md", False),
    ],
)
def test_the_pre_commit_hook_checks_the_files_that_validate_would_find(path: str, checked: bool) -> None:
    (hook,) = YAML(typ="safe", pure=True).load((ROOT / ".pre-commit-hooks.yaml").read_text("utf-8"))
    assert hook["entry"] == "cbauth validate"
    assert bool(re.search(hook["files"], path)) is checked
