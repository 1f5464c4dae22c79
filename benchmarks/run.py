"""Measure everything in one run, and print what is promised beside what was measured."""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, NamedTuple

import cbauth
from benchmarks import checking
from benchmarks.claims import Bound, Claim, Verdict, bounds, claims
from benchmarks.contention import SECONDS, Contest, contest, figures, ways
from benchmarks.counting import counts
from benchmarks.measuring import Figure, Times, race
from benchmarks.startup import Imported, imports
from benchmarks.subjects import subjects

__all__ = ["main"]

PEERS = ("check-jsonschema", "circuitbreaker", "filelock", "litellm", "msal", "pybreaker", "redis", "tenacity")
README = Path(__file__).with_name("README.md")
ROUNDS = 40
QUICK = 0.002
QUICK_SECONDS = 0.1
LEFT_OUT = "left out"


class Results(NamedTuple):
    """One run."""

    verdicts: list[tuple[Claim | Bound, Verdict]]
    times: Mapping[str, Times]
    figures: Mapping[str, Figure]
    contests: Mapping[str, Contest]
    imports: tuple[Imported, ...]


def main(argv: Sequence[str] | None = None) -> int:
    """0; with ``--check`` 1 when a claim does not hold."""
    options = _options(argv)
    results = _measured(options)
    print(json.dumps(_data(results), indent=2) if options.json else _text(results))
    if options.output:
        _save(options.output, results.times)
    if options.readme:
        README.write_text(_with_tables(README.read_text("utf-8"), results), "utf-8")
    return int(options.check and any(verdict.holds is False for _, verdict in results.verdicts))


def _measured(options: argparse.Namespace) -> Results:
    """First what is counted, while nothing else has been loaded that might work in the background; then the race."""
    share, rounds, seconds = (QUICK, 1, QUICK_SECONDS) if options.quick else (1.0, options.rounds, SECONDS)
    without = tuple(options.without)
    _progress("counting …")
    counted = counts()
    contests = {}
    for way in ways():
        _progress(f"{way.name} …")
        contests[way.name] = Contest(missing=LEFT_OUT) if way.name.startswith(without) else contest(way, seconds)
        counted.update(figures(way.name, contests[way.name]))
    entered = subjects(share)
    times = {subject.name: Times(missing=LEFT_OUT) for subject in entered}
    times |= race(
        [subject for subject in entered if not subject.name.startswith(without)],
        rounds,
        lambda number: _progress(f"round {number} of {rounds}" if number else "warming up …"),
    )
    _progress("")
    verdicts: list[tuple[Claim | Bound, Verdict]] = [
        (claim, claim.judged(times)) for claim in (*claims(), *checking.claims())
    ]
    verdicts += [(bound, bound.judged(counted)) for bound in bounds()]
    return Results(verdicts, times, counted, contests, imports())


def _options(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS, metavar="N", help=f"how often to measure ({ROUNDS})")
    parser.add_argument("--json", action="store_true", help="everything as JSON")
    parser.add_argument("--check", action="store_true", help="end with 1 when a claim does not hold")
    parser.add_argument("--quick", action="store_true", help="a few calls, only to see that all of it runs")
    parser.add_argument(
        "--without", action="append", default=[], metavar="NAME", help="leave out what begins so, such as LiteLLM"
    )
    parser.add_argument("--output", metavar="FILE", help="write the rounds for `pyperf stats` and `pyperf compare_to`")
    parser.add_argument("--readme", action="store_true", help="write the tables into benchmarks/README.md")
    options = parser.parse_args(argv)
    if options.rounds < 1:
        parser.error("--rounds has to be 1 or more")
    return options


def _progress(what: str) -> None:
    if sys.stderr.isatty():
        print(f"\r{what:<40}\r", end="", file=sys.stderr, flush=True)


# shown


def _text(results: Results) -> str:
    loaded = [("import cbauth loads", "own time")]
    loaded += [(module.name, f"{module.microseconds} us") for module in results.imports]
    return "\n\n".join([_machine(), _claims(results), _times(results), _contests(results), _table(loaded)])


def _with_tables(readme: str, results: Results) -> str:
    """The page with its tables, each in a code block after a comment that names it, as this run gives them."""
    tables = {"claims": f"{_machine()}\n\n{_claims(results)}", "times": _times(results), "contests": _contests(results)}
    for name, table in tables.items():
        head, block, rest = re.split(
            rf"(<!-- {name} -->\n\n```text\n).*?(?=\n```\n)", readme, maxsplit=1, flags=re.DOTALL
        )
        readme = f"{head}{block}{table}{rest}"
    return readme


def _machine() -> str:
    return ", ".join(f"{name} {value}" for name, value in _where().items())


def _claims(results: Results) -> str:
    rows = [("claim", "limit", "measured", "ok")]
    for claim, verdict in results.verdicts:
        measured = verdict.why if verdict.measured is None else f"{verdict.measured:.2f}"
        rows.append((str(claim), claim.bound, measured, {True: "yes", False: "NO", None: "-"}[verdict.holds]))
    return _table(rows)


def _times(results: Results) -> str:
    rows = [("one call of", "best", "median")]
    for name, times in results.times.items():
        rows.append((name, *((_span(times.best), _span(times.median)) if times.rounds else (times.missing, ""))))
    return _table(rows)


def _contests(results: Results) -> str:
    rows = [("all at once", "recorded a second", "lost", "smallest share : largest", "longest wait")]
    for name, ended in results.contests.items():
        if ended.missing:
            rows.append((name, ended.missing, "", "", ""))
        else:
            wait = _span(ended.stall / 1e3)
            rows.append((name, f"{ended.rate:.0f}", f"{ended.lost}", f"{ended.evenness:.2f}", wait))
    return _table(rows)


def _table(rows: Sequence[tuple[str, ...]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    ruled = [rows[0], tuple("-" * width for width in widths), *rows[1:]]
    return "\n".join("  ".join(f"{cell:<{w}}" for cell, w in zip(row, widths, strict=True)).rstrip() for row in ruled)


def _span(seconds: float) -> str:
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("us", 1e-6)):
        if seconds >= size:
            return f"{seconds / size:.2f} {unit}"
    return f"{seconds * 1e9:.0f} ns"


def _data(results: Results) -> dict[str, Any]:
    return {
        "format_version": 1,
        "where": _where(),
        "claims": [
            {"claim": str(claim), "bound": claim.bound, **asdict(claim), **asdict(verdict)}
            for claim, verdict in results.verdicts
        ],
        "seconds": {
            name: {"best": times.best, "median": times.median, "rounds": times.rounds}
            if times.rounds
            else {"missing": times.missing}
            for name, times in results.times.items()
        },
        "figures": {name: asdict(figure) for name, figure in results.figures.items()},
        "imports": [module._asdict() for module in results.imports],
    }


def _where() -> dict[str, str]:
    """The machine, the Python and the versions that were measured."""
    found = {
        "cbauth": cbauth.__version__,
        "python": f"{platform.python_version()} ({platform.python_implementation()})",
        "system": f"{platform.system()} {platform.machine()}",
        "cores": str(os.cpu_count()),
    }
    for name in PEERS:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


def _save(path: str, times: Mapping[str, Times]) -> None:
    pyperf = import_module("pyperf")
    benchmarks = [
        pyperf.Benchmark([pyperf.Run(slices, metadata={"name": name, "unit": "second"}) for slices in t.rounds])
        for name, t in times.items()
        if t.rounds
    ]
    pyperf.BenchmarkSuite(benchmarks).dump(path, replace=True)
