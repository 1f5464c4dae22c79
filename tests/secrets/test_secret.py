"""A secret shows itself only through ``reveal()``."""

from __future__ import annotations

import copy
import json
import os
import pickle
import pprint
import subprocess
import sys
from pathlib import Path

import pytest

from cbauth.secrets import Secret

CANARY = "sk-canary-0123456789"


@pytest.fixture
def secret() -> Secret:
    return Secret(CANARY)


def test_reveal_gives_the_text(secret: Secret) -> None:
    assert secret.reveal() == CANARY


@pytest.mark.parametrize(
    "show",
    [repr, str, pprint.pformat, "{}".format, "{:>40}".format, "{!r}".format, "%s".__mod__, lambda s: repr([s, {s: s}])],
)
def test_no_way_of_printing_shows_it(secret: Secret, show: object) -> None:
    assert callable(show)
    shown = show(secret)
    assert "Secret('…')" in shown
    assert "canary" not in shown


def test_a_short_and_a_long_secret_look_the_same() -> None:
    assert repr(Secret("")) == repr(Secret("x")) == repr(Secret("x" * 500))


def test_secrets_are_equal_when_their_texts_are(secret: Secret) -> None:
    assert secret == Secret(CANARY)
    assert secret != Secret(CANARY + "x")
    assert Secret("é\udc80") == Secret("é\udc80")
    assert secret != CANARY, "a secret is not its text, so that no comparison works by accident"


def test_equal_secrets_have_equal_hashes(secret: Secret) -> None:
    assert len({secret, Secret(CANARY), Secret("other")}) == 2


def test_a_hash_says_nothing_outside_its_process() -> None:
    """Otherwise a hash in a log would let anybody test guesses."""
    code = "from cbauth.secrets import Secret; print(hash(Secret('sk-canary')))"
    environment = {**os.environ, "PYTHONHASHSEED": "0"}
    root = Path(__file__).parents[2]
    hashes = {
        subprocess.run([sys.executable, "-c", code], cwd=root, env=environment, capture_output=True, check=True).stdout
        for _ in range(2)
    }
    assert len(hashes) == 2


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_pickling_raises(secret: Secret, protocol: int) -> None:
    with pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps({"key": secret}, protocol)


def test_copies_are_the_object_itself(secret: Secret) -> None:
    assert copy.copy(secret) is secret
    assert copy.deepcopy([secret])[0] is secret


def test_it_has_no_dictionary_no_state_and_no_items(secret: Secret) -> None:
    assert not hasattr(secret, "__dict__")
    assert not hasattr(secret, "__iter__")
    assert not hasattr(secret, "__len__")
    assert not hasattr(secret, "__getitem__")
    with pytest.raises(TypeError, match="no state"):
        secret.__getstate__()
    with pytest.raises(TypeError, match="not JSON serializable"):
        json.dumps(secret)


def test_it_does_not_change(secret: Secret) -> None:
    with pytest.raises(AttributeError):
        secret._value = "other"
    with pytest.raises(AttributeError):
        del secret._value
    assert secret.reveal() == CANARY


def test_only_an_empty_secret_is_false() -> None:
    assert not Secret("")
    assert Secret(" ")
