"""What people are shown of a toolkit, without a secret: as text, as HTML, as a picture.

Everything here is a pure function of frozen records; the views of ``cbauth.widgets`` show the same.
"""

from __future__ import annotations

from cbauth.display.snapshot import Row, Snapshot, snapshot
from cbauth.display.standing import Standing, standing

__all__ = ["Row", "Snapshot", "Standing", "snapshot", "standing"]
