"""``LoginButton`` and ``LoginPanel``: signing in from a notebook."""

from __future__ import annotations

import time
from abc import abstractmethod
from collections.abc import Callable, Hashable
from dataclasses import replace
from functools import partial
from importlib import import_module
from typing import Any

from cbauth.config.suggest import nearest
from cbauth.display.html import FRAME, Markup, element
from cbauth.errors import ConfigError, LoginRequiredError
from cbauth.events import Event
from cbauth.plan import OAuthLogin, Profile
from cbauth.secrets import Secret
from cbauth.toolkit import Toolkit
from cbauth.widgets.controller import CALM, LoginController
from cbauth.widgets.states import LoginSnapshot, LoginState
from cbauth.widgets.view import View, a_toolkit, policy_of
from cbauth.widgets.wording import headline, logins_html, logins_text, news, summary

__all__ = ["LoginButton", "LoginPanel"]

CLOSED = "This view is closed: make a new one."


class Logins(View):
    """The logins of some profiles. ``_named``: what is called on it takes the name of one."""

    _named = False

    def __init__(self, toolkit: Toolkit, key: Hashable, ui: str) -> None:
        super().__init__(toolkit, key, ui)
        self._oauth = toolkit.oauth
        self._rows: Any = None
        self._controllers: dict[str, LoginController] = {}
        self._controls: dict[str, Any] = {}
        self._shown: tuple[LoginSnapshot, ...] = ()
        self._left = ""  # the profile of which the note speaks

    @abstractmethod
    def _profiles(self) -> list[Profile]:
        """The profiles that it is about, as the policy is now."""

    def _controller(self, profile: Profile) -> LoginController:
        found = self._controllers.get(profile.id)
        if found is None:
            found = self._controllers[profile.id] = LoginController(
                self._oauth,
                profile.id,
                profile.provider.name,
                clock=time.time,
                remote=self._surroundings.remote,
                submit=self._submit,
                changed=self._changed,
            )
        found.provider = profile.provider.name
        found.account = profile.credential.account if isinstance(profile.credential, OAuthLogin) else None
        return found

    def _absence(self, profile_id: str) -> tuple[LoginState, str] | None:
        """Why there is nothing to sign in to with a profile that is shown, if there is nothing."""
        if self._toolkit.closed:
            return LoginState.CLOSED, "The toolkit is closed: load the file again, and make a new view."
        return None

    def _look(self, controller: LoginController) -> None:
        """See how one of them stands."""
        absence = self._absence(controller.profile_id)
        if absence is not None:
            controller.leave(*absence)
        else:
            controller.come_back()
            controller.look()

    def _sign_in(self, profile_id: str) -> None:
        self._require_open()
        absence = self._absence(profile_id)
        if absence is not None:
            raise ConfigError(f"profile {profile_id}: {absence[1]}")
        self._require_somebody(profile_id)
        if self._worker is None:
            self._ipython_display_()
        self._click(profile_id)

    def _click(self, profile_id: str) -> None:
        self._fault = self._note = self._left = ""
        controller = self._controllers.get(profile_id)
        if controller is not None:  # its profile may just have left the file
            absence = self._absence(profile_id)
            if absence is not None:
                controller.leave(*absence)
            controller.click()
        self._changed()

    def _cancel(self, profile_id: str) -> None:
        controller = self._controllers.get(profile_id)
        if controller is not None:
            controller.cancel()

    def _hand_in(self, profile_id: str, address: Secret) -> None:
        controller = self._controllers.get(profile_id)
        if controller is not None:
            controller.paste(address)

    def _require_somebody(self, profile_id: str) -> None:
        """Raise ``LoginRequiredError`` where a question would wait for ever, ``ConfigError`` if the view is closed."""
        self._require_open()
        self._decide(self._ui)
        if self._mode == "still" or self._surroundings.headless:
            terminal = self._surroundings.terminal
            why = "this terminal cannot show a login" if terminal else "nobody is here who could sign in"
            raise LoginRequiredError(profile_id, reason=why)

    def _paste(self, profile_id: str) -> None:
        """Ask for the address in a box of the front-end, whose content no notebook keeps."""
        self._require_somebody(profile_id)
        controller = self._controllers.get(profile_id)
        offer = None if controller is None else controller.snapshot().offer
        if controller is None or offer is None or not offer.pastes:
            raise ConfigError(f"no login of {profile_id} waits for an address: begin one with sign_in()")
        from getpass import getpass

        address = Secret(getpass("Address of the page that the login ended on: "))
        now = controller.snapshot()
        if now.offer is None and not now.state.good:
            raise ConfigError(f"the login of {profile_id} has ended meanwhile: begin another one with sign_in()")
        controller.paste(address)

    def _heard(self, event: Event) -> None:
        controller = self._controllers.get(event.profile_id or "")
        if controller is not None:
            controller.heard(event)

    # what a view brings

    def _text(self) -> str:
        shown = logins_text(self._shown) if self._shown or not self._closed else ""
        return "\n".join(filter(None, (CLOSED if self._closed else self._note, shown)))

    def _html(self, *, live: bool) -> str:
        shown = [logins_html(self._shown, live=live, named=self._named)] if self._shown or not self._closed else []
        said = CLOSED if self._closed else self._note
        return element("div", *([element("div", said, style=FRAME)] if said else []), *shown)

    def _listen(self) -> list[Callable[[], object]]:
        self._submit(_warm_up)
        return [self._toolkit.on("*", self._heard), *self._follow(self._look_again), self._give_up]

    def _look_again(self) -> None:
        """The file has changed."""
        self._submit(self._glance)

    def _give_up(self) -> None:
        for controller in self._controllers.values():
            controller.close()
        self._take()

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
            gone = [each for profile_id, each in self._controllers.items() if profile_id not in wanted]
            self._controllers = controllers  # in the order of the file
        if self._left in wanted:
            self._note = self._left = ""
        for controller in gone:
            if controller.snapshot().state.busy:
                self._left = controller.profile_id
                self._note = f"The login of {self._left} was cancelled: the file does not have it any more."
            controller.close()
        for controller in controllers.values():
            self._look(controller)
        return min((controller.pause for controller in controllers.values()), default=CALM)

    def _take(self) -> bool:
        before = self._shown
        self._shown = tuple(controller.snapshot() for controller in tuple(self._controllers.values()))
        return len(before) != len(self._shown) or any(
            old != replace(new, at=old.at) for old, new in zip(before, self._shown, strict=True)
        )

    def _is_over(self) -> bool:
        return bool(self._shown) and all(each.state is LoginState.CLOSED for each in self._shown)

    def _row(self, shown: LoginSnapshot, *, alone: bool) -> Any:
        from cbauth.widgets.controls import LoginControls

        return LoginControls(
            shown,
            alone=alone,
            click=partial(self._safely, self._click, shown.profile_id),
            cancel=partial(self._safely, self._cancel, shown.profile_id),
            paste=partial(self._safely, self._hand_in, shown.profile_id),
        )


class LoginButton(Logins):
    """Sign in with one profile: its state, a button, the link, and a box for the address where the browser ended.

    ``ui`` is ``widgets``, ``html`` (for places without them; sign in with ``sign_in()``), or ``auto``. Raises
    ``ConfigError`` for a profile that is not there or does not sign in.
    """

    def __init__(self, toolkit: Toolkit, profile_id: str, *, ui: str = "auto") -> None:
        super().__init__(a_toolkit(toolkit), profile_id, ui)
        known = {profile.id: profile for profile in toolkit.plan.profiles}
        if profile_id not in known:
            near = nearest(str(profile_id), known)
            hint = f"did you mean {near}?" if near else f"there are {', '.join(sorted(known))}"
            raise ConfigError(f"there is no profile {profile_id!r}: {hint}")
        if not known[profile_id].uses_oauth:
            raise ConfigError(f"profile {profile_id} does not sign in: it has no `oauth:` in the file")
        self._profile = known[profile_id]

    def sign_in(self) -> None:
        """What the button does; where nobody could sign in, ``LoginRequiredError`` names the command."""
        self._sign_in(self._profile.id)

    def paste(self) -> None:
        """Ask for the address on which the browser ended, if it cannot come back by itself (``ui="html"``)."""
        self._paste(self._profile.id)

    def cancel(self) -> None:
        """Give up the login that is on its way."""
        self._cancel(self._profile.id)

    @property
    def state(self) -> str:
        """How it stands: ``signed out``, ``starting``, ``waiting``, ``signed in``, ``failed`` and so on."""
        if not self._closed:
            self._see()
        controller = self._controllers.get(self._profile.id)
        return "closed" if controller is None else str(controller.snapshot().state)

    def _profiles(self) -> list[Profile]:
        self._profile = next(filter(self._is_it, self._toolkit.plan.profiles), self._profile)
        return [self._profile]

    def _is_it(self, profile: Profile) -> bool:
        return profile.id == self._profile.id and profile.uses_oauth

    def _absence(self, profile_id: str) -> tuple[LoginState, str] | None:
        profiles = self._toolkit.plan.profiles
        if any(map(self._is_it, profiles)):
            return super()._absence(profile_id)
        if any(each.id == profile_id for each in profiles):
            return LoginState.GONE, "It does not sign in any more: it has no `oauth:` in the file now."
        return LoginState.GONE, "The profile is not in the file any more."

    def _build(self) -> list[Any]:
        from cbauth.widgets.controls import styles

        self._controls = {each.profile_id: self._row(each, alone=True) for each in self._shown}
        return [styles(), *(controls.box for controls in self._controls.values())]

    def _apply(self) -> None:
        for shown in self._shown:
            if shown.profile_id in self._controls:
                self._controls[shown.profile_id].apply(shown)


class LoginPanel(Logins):
    """All profiles that sign in, a row each, as the policy is now. ``ui`` as for ``LoginButton``."""

    _named = True

    def __init__(self, toolkit: Toolkit, *, ui: str = "auto") -> None:
        super().__init__(a_toolkit(toolkit), policy_of(toolkit), ui)

    def sign_in(self, profile_id: str) -> None:
        """What the button of that profile does. Raises ``ConfigError``, and ``LoginRequiredError`` without a person."""
        self._require(profile_id)
        self._sign_in(profile_id)

    def paste(self, profile_id: str) -> None:
        """Ask for the address on which the browser ended."""
        self._require(profile_id)
        self._paste(profile_id)

    def cancel(self, profile_id: str) -> None:
        """Give up the login of that profile that is on its way."""
        self._require(profile_id)
        self._cancel(profile_id)

    def _require(self, profile_id: str) -> None:
        self._require_open()
        self._see()
        if profile_id not in self._controllers:
            raise ConfigError(f"no profile {profile_id!r} signs in: {', '.join(self._controllers) or 'none'} do")

    def _profiles(self) -> list[Profile]:
        return [profile for profile in self._toolkit.plan.profiles if profile.uses_oauth]

    def _build(self) -> list[Any]:
        from ipywidgets import Layout, VBox

        from cbauth.widgets.controls import page, styles

        self._headline = page(self._heading())
        self._controls = {each.profile_id: self._row(each, alone=False) for each in self._shown}
        self._rows = VBox([each.box for each in self._controls.values()], layout=Layout(width="100%"))
        return [styles(), self._headline, self._rows]

    def _heading(self) -> Markup:
        return headline(" ".join(filter(None, (summary(self._shown), self._note))), news(self._shown))

    def _apply(self) -> None:
        from cbauth.widgets.controls import close_tree, put

        put(self._headline, "value", self._heading())
        wanted = {each.profile_id: each for each in self._shown}
        if list(wanted) != list(self._controls):
            gone = [self._controls.pop(profile_id) for profile_id in set(self._controls) - set(wanted)]
            self._controls = {
                profile_id: self._controls.get(profile_id) or self._row(each, alone=False)
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
