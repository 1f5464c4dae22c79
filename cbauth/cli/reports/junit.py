"""JUnit's XML, as CI servers read it: a file is a suite, what was found in it are failed tests."""

from __future__ import annotations

from xml.etree import ElementTree as ET

from cbauth.cli.reports.report import Report, Result
from cbauth.config.codes import CODES
from cbauth.config.diagnostics import ERROR, Diagnostic, printable

__all__ = ["junit"]


def junit(report: Report) -> str:
    """One suite for each file, in ASCII. A warning is a passed test with output, unless warnings count as errors."""
    root = ET.Element("testsuites", name="cbauth")
    for result, shown in report.shown:
        root.append(_suite(result, shown, report.strict))
    for name in ("tests", "failures", "errors"):
        root.set(name, str(sum(int(suite.get(name, "0")) for suite in root)))
    ET.indent(root)
    written: bytes = ET.tostring(root, encoding="us-ascii", xml_declaration=True)
    return written.decode("ascii") + "\n"


def _suite(result: Result, shown: list[Diagnostic], strict: bool) -> ET.Element:
    name = printable(result.name)
    suite = ET.Element("testsuite", name=name)
    for diagnostic in shown:
        suite.append(_case(name, diagnostic, strict))
    missing = len(result.diagnostics) - len(shown)
    failing = any(problem.severity == ERROR or strict for problem in result.diagnostics)
    if missing:
        case = ET.SubElement(suite, "testcase", classname=name, name="the rest", time="0")
        words = f"{missing} more, not shown"
        if failing:
            ET.SubElement(case, "failure", type="rest", message=words)
        else:
            ET.SubElement(case, "system-out").text = words
    if not len(suite):
        ET.SubElement(suite, "testcase", classname=name, name="valid", time="0")
    suite.set("tests", str(len(suite)))
    suite.set("failures", str(len(suite.findall("testcase/failure"))))
    suite.set("errors", str(len(suite.findall("testcase/error"))))
    suite.set("skipped", "0")
    suite.set("time", "0")
    return suite


def _case(name: str, diagnostic: Diagnostic, strict: bool) -> ET.Element:
    where = f"{diagnostic.line}:{diagnostic.column}"
    key = f" {diagnostic.key}" if diagnostic.key else ""
    case = ET.Element("testcase", classname=name, name=f"{diagnostic.code} at {where}{key}", time="0")
    if diagnostic.severity == ERROR or strict:
        kind = "error" if CODES[diagnostic.code].unreadable else "failure"
        told = ET.SubElement(case, kind, type=diagnostic.code, message=diagnostic.message)
    else:
        told = ET.SubElement(case, "system-out")
    told.text = str(diagnostic)
    return case
