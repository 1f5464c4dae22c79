"""What every test here starts from: two providers on the loopback interface and a clock that stands still."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.provider import Provider
from tests.support.setting import Setting


@pytest.fixture
def setting(monkeypatch: pytest.MonkeyPatch) -> Iterator[Setting]:
    with Provider() as acme, Provider() as bravo:
        setting = Setting(acme, bravo, monkeypatch)
        yield setting
        setting.close()
