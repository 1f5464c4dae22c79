"""What a credential shows, and what it keeps to itself."""

from __future__ import annotations

import copy
import dataclasses
import pickle
import pprint

import pytest

from cbauth.secrets import Secret
from tests.oauth.credentials.logins import CANARY, login


def test_it_shows_what_it_is_for_and_hides_every_token() -> None:
    shown = repr(login())
    assert "acme-me" in shown
    assert "openid" in shown
    assert CANARY not in shown


def test_no_common_tool_gets_a_token_out_of_it() -> None:
    it = login(extra={"id_token": f"id-{CANARY}", "nested": {"list": [CANARY]}})
    views = [str(it), f"{it}", repr(it.extra), pprint.pformat(it), str(dataclasses.asdict(it))]
    views += [str(dataclasses.astuple(it)), str([getattr(it, each.name) for each in dataclasses.fields(it)])]
    assert [view for view in views if CANARY in view] == []


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_pickling_it_or_what_came_with_it_raises_a_type_error(protocol: int) -> None:
    for it in (login(), login().extra):
        with pytest.raises(TypeError, match="pickled"):
            pickle.dumps(it, protocol)
    with pytest.raises(TypeError, match="no state"):
        login().extra.__getstate__()


def test_a_copy_is_the_object_itself() -> None:
    it = login()
    assert copy.copy(it) is it
    assert copy.deepcopy(it) is it
    assert copy.copy(it.extra) is it.extra


def test_equal_logins_are_equal_and_have_one_hash() -> None:
    assert login() == login()
    assert len({login(), login(), login(access_token=Secret("other"))}) == 2
    assert login() != login(extra={})


def test_it_cannot_be_changed() -> None:
    it = login()
    for each in dataclasses.fields(it):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(it, each.name, "other")
    assert dataclasses.replace(it, id="other").extra == it.extra


@pytest.mark.parametrize(("token", "refreshable"), [(Secret("r"), True), (Secret(""), False), (None, False)])
def test_it_is_refreshable_with_a_refresh_token_only(token: Secret | None, refreshable: bool) -> None:
    assert login(refresh_token=token).refreshable is refreshable
