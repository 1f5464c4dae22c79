"""``LoginButton`` and ``LoginPanel``: signing in from a notebook."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable
from dataclasses import replace
from functools import partial
from importlib import import_module
from typing import Any

from cbauth.config.suggest import nearest
from cbauth.errors import ConfigError, LoginRequiredError
from cbauth.events import Event
from cbauth.plan import Profile
from cbauth.secrets import Secret
from cbauth.toolkit import Toolkit
from cbauth.widgets.controller import LoginController
from cbauth.widgets.states import LoginSnapshot
from cbauth.widgets.view import View, policy_of
from cbauth.widgets.wording import headline, logins_html, logins_text, summary

__all__ = ["LoginButton", "LoginPanel"]


class Logins(View):
    """The logins of some profiles."""

    def __init__(self, toolkit: Toolkit, key: Hashable, ui: str) -> None:
        super().__init__(toolkit, key, ui)
        self._oauth = toolkit.oauth
        self._rows: Any = None
        self._controllers: dict[str, LoginController] = {}
        self._controls: dict[str, Any] = {}
        self._shown: tuple[LoginSnapshot, ...] = ()

    def _profiles(self) -> list[Profile]:
        """The profiles that it is about, as the policy is now."""
        raise NotImplementedError

    def _controller(self, profile: Profile) -> LoginController:
        if profile.id not in self._controllers:
            self._controllers[profile.id] = LoginController(
                self._oauth,
                profile.id,
                profile.provider.name,
                clock=time.time,
                remote=self._surroundings.remote,
                submit=self._submit,
                changed=self._changed,
            )
        return self._controllers[profile.id]

    def _sign_in(self, profile_id: str) -> None:
        self._require_somebody(profile_id)
        if self._worker is None:
            self._ipython_display_()
        self._click(profile_id)

    def _click(self, profile_id: str) -> None:
        self._fault = ""
        self._controllers[profile_id].click()
        self._changed()

    def _require_somebody(self, profile_id: str) -> None:
        """Raise ``LoginRequiredError`` where a question would wait for ever, ``ConfigError`` if the view is closed."""
        self._require_open()
        self._decide(self._ui)
        if self._mode == "still" or self._surroundings.headless:
            raise LoginRequiredError(profile_id, reason="nobody is here who could sign in")

    def _paste(self, profile_id: str) -> None:
        """Ask for the address in a box of the front-end, whose content no notebook keeps."""
        self._require_somebody(profile_id)
        controller = self._controllers.get(profile_id)
        offer = None if controller is None else controller.snapshot().offer
        if controller is None or offer is None or not offer.pastes:
            raise ConfigError(f"no login of {profile_id} waits for an address: begin one with sign_in()")
        from getpass import getpass

        controller.paste(Secret(getpass("Address of the page that the login ended on: ")))

    def _heard(self, event: Event) -> None:
        controller = self._controllers.get(event.profile_id or "")
        if controller is not None:
            controller.heard(event)

    # what a view brings

    def _text(self) -> str:
        return logins_text(self._shown)

    def _html(self, *, live: bool) -> str:
        return logins_html(self._shown, offers=live)

    def _listen(self) -> list[Callable[[], object]]:
        self._submit(_warm_up)
        return [self._toolkit.on("*", self._heard), self._give_up]

    def _give_up(self) -> None:
        for controller in self._controllers.values():
            controller.close()

    def _release(self) -> None:
        super()._release()
        del self._oauth
        self._rows = None
        self._controllers.clear()
        self._controls.clear()

    def _glance(self) -> float | None:
        with self._lock:
            if self._closed:
                return None
            wanted = {profile.id: profile for profile in self._profiles()}
            controllers = {profile_id: self._controller(profile) for profile_id, profile in wanted.items()}
            gone = [self._controllers.pop(profile_id) for profile_id in set(self._controllers) - set(wanted)]
        for controller in gone:
            controller.close()
        for controller in controllers.values():
            controller.look()
        return min((controller.pause for controller in controllers.values()), default=2.0)

    def _take(self) -> bool:
        before = self._shown
        self._shown = tuple(controller.snapshot() for controller in tuple(self._controllers.values()))
        return len(before) != len(self._shown) or any(
            old != replace(new, at=old.at) for old, new in zip(before, self._shown, strict=True)
        )

    def _row(self, shown: LoginSnapshot, *, status: bool) -> Any:
        from cbauth.widgets.controls import LoginControls

        controller = self._controllers[shown.profile_id]
        return LoginControls(
            shown,
            status=status,
            click=partial(self._safely, self._click, shown.profile_id),
            cancel=partial(self._safely, controller.cancel),
            paste=partial(self._safely, controller.paste),
        )


class LoginButton(Logins):
    """Sign in with one profile: its state, a button, the link, and a box for the address where the browser ended.

    ``ui`` is ``widgets``, ``html`` (for places without them; sign in with ``sign_in()``), or ``auto``. Raises
    ``ConfigError`` for a profile that is not there or does not sign in.
    """

    def __init__(self, toolkit: Toolkit, profile_id: str, *, ui: str = "auto") -> None:
        super().__init__(a_toolkit(toolkit), profile_id, ui)
        self._profile_id = profile_id
        known = {profile.id: profile for profile in toolkit.plan.profiles}
        if profile_id not in known:
            near = nearest(str(profile_id), known)
            hint = f"did you mean {near}?" if near else f"there are {', '.join(sorted(known))}"
            raise ConfigError(f"there is no profile {profile_id!r}: {hint}")
        if not known[profile_id].uses_oauth:
            raise ConfigError(f"profile {profile_id} does not sign in: it has no `oauth:` in the file")

    def sign_in(self) -> None:
        """What the button does; where nobody could sign in, ``LoginRequiredError`` names the command."""
        self._sign_in(self._profile_id)

    def paste(self) -> None:
        """Ask for the address on which the browser ended, if it cannot come back by itself (``ui="html"``)."""
        self._paste(self._profile_id)

    def cancel(self) -> None:
        """Give up the login that is on its way."""
        for controller in self._controllers.values():
            controller.cancel()

    @property
    def state(self) -> str:
        """How it stands: ``signed out``, ``starting``, ``waiting``, ``signed in``, ``failed`` and so on."""
        if not self._closed:
            self._see()
        controller = self._controllers.get(self._profile_id)
        return "closed" if controller is None else str(controller.snapshot().state)

    def _profiles(self) -> list[Profile]:
        return [each for each in self._toolkit.plan.profiles if each.id == self._profile_id and each.uses_oauth]

    def _build(self) -> list[Any]:
        self._controls = {each.profile_id: self._row(each, status=True) for each in self._shown}
        return [controls.box for controls in self._controls.values()]

    def _apply(self) -> None:
        for shown in self._shown:
            if shown.profile_id in self._controls:
                self._controls[shown.profile_id].apply(shown)


class LoginPanel(Logins):
    """All profiles that sign in, a row each, as the policy is now. ``ui`` as for ``LoginButton``."""

    def __init__(self, toolkit: Toolkit, *, ui: str = "auto") -> None:
        super().__init__(a_toolkit(toolkit), policy_of(toolkit), ui)

    def sign_in(self, profile_id: str) -> None:
        """What the button of that profile does. Raises ``ConfigError``, and ``LoginRequiredError`` without a person."""
        self._require_open()
        self._see()
        if profile_id not in self._controllers:
            raise ConfigError(f"no profile {profile_id!r} signs in: {', '.join(self._controllers) or 'none'} do")
        self._sign_in(profile_id)

    def paste(self, profile_id: str) -> None:
        """Ask for the address on which the browser ended."""
        self._paste(profile_id)

    def _profiles(self) -> list[Profile]:
        return [profile for profile in self._toolkit.plan.profiles if profile.uses_oauth]

    def _build(self) -> list[Any]:
        from ipywidgets import Layout, VBox

        from cbauth.widgets.controls import page

        self._headline = page(headline(summary(self._shown)))
        self._controls = {each.profile_id: self._row(each, status=False) for each in self._shown}
        self._rows = VBox([each.box for each in self._controls.values()], layout=Layout(width="100%"))
        return [self._headline, self._rows]

    def _apply(self) -> None:
        from cbauth.widgets.controls import close_tree, put

        put(self._headline, "value", headline(summary(self._shown)))
        wanted = {each.profile_id: each for each in self._shown}
        if list(wanted) != list(self._controls):
            gone = [self._controls.pop(profile_id) for profile_id in set(self._controls) - set(wanted)]
            self._controls = {
                profile_id: self._controls.get(profile_id) or self._row(each, status=False)
                for profile_id, each in wanted.items()
            }
            self._rows.children = [controls.box for controls in self._controls.values()]
            for controls in gone:
                close_tree(controls.box)
        for profile_id, each in wanted.items():
            self._controls[profile_id].apply(each)


def _warm_up() -> None:
    """Load what a login needs before somebody clicks: it takes longer than a click may."""
    import_module("cbauth.oauth.desk")


def a_toolkit(toolkit: object) -> Toolkit:
    """``toolkit`` if it is one. Raises ``ConfigError``."""
    if isinstance(toolkit, Toolkit):
        return toolkit
    raise ConfigError(f"give a toolkit, as cbauth.load() makes it, not a {type(toolkit).__name__}")
