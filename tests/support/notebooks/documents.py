"""Notebook files, and a search through them for what must not be there."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

__all__ = ["notebook", "strays"]

KERNEL = {"name": "python3", "display_name": "Python 3", "language": "python"}


def notebook(*cells: str) -> dict[str, Any]:
    """A notebook of these code cells, none of them run yet."""
    return {
        "nbformat": 4,
        "nbformat_minor": 5,
        "metadata": {"kernelspec": KERNEL},
        "cells": [
            {
                "cell_type": "code",
                "id": f"cell-{number}",
                "metadata": {},
                "source": source,
                "outputs": [],
                "execution_count": None,
            }
            for number, source in enumerate(cells)
        ],
    }


def strays(text: str, secrets: dict[str, list[str]]) -> list[str]:
    """The kinds of the secrets that stand in ``text``, in any of the ways in which a notebook may write them."""
    return [kind for kind, values in secrets.items() for value in values if any(w in text for w in _writings(value))]


def _writings(secret: str) -> Iterable[str]:
    yield secret
    yield quote(secret, safe="")
    yield json.dumps(secret)[1:-1]
    yield base64.b64encode(secret.encode()).decode().rstrip("=")
