"""Logins and secrets: what they are protected by, and who else has them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath

from cbauth.config.diagnostics import WARNING, Finding, Path
from cbauth.config.rules.case import Case, Secret, called
from cbauth.config.rules.index import Index
from cbauth.plan import PROTECTED_PARAMETERS, OAuthClient, Profile, SecretRef

__all__ = ["relative_commands", "shared_secrets", "without_pkce"]


def without_pkce(case: Case) -> Iterator[Finding]:
    """CBA441: a login whose code is not bound to whoever asked for it (RFC 7636, RFC 9700 section 2.1.1)."""
    for name in case.given("providers") or {}:
        client = case.plan.providers[name].oauth
        path = ("providers", name, "oauth")
        if client is None or case.given(*path) is None:
            continue
        for parameter in case.given(*path, "extra_params") or {}:
            if parameter in PROTECTED_PARAMETERS:
                yield Finding(
                    "CBA441",
                    (*path, "extra_params", parameter),
                    f"`{parameter}` is the login's own parameter: with it in `extra_params` no login begins",
                    "take it out" if parameter != "scope" else "write `scopes:` beside `extra_params` instead",
                    severity=WARNING,
                )
        if _only_device(client):
            yield Finding(
                "CBA441",
                (*path, "device_authorization_endpoint"),
                "this login works by device code alone, which PKCE does not protect",
                "add the `issuer`, or the `authorization_endpoint`, for logins in a browser",
                severity=WARNING,
            )


def _only_device(client: OAuthClient) -> bool:
    browser = client.issuer is not None or client.authorization_endpoint is not None
    return not browser and client.device_authorization_endpoint is not None


def shared_secrets(case: Case) -> Iterator[Finding]:
    """CBA442: one secret for two providers; or, where calls are shared out, for two profiles that do the same."""
    first: dict[Secret, Profile] = {}
    shared: dict[tuple[object, ...], Index[Profile]] = {}
    for profile in case.ranked:
        secret = case.secret(profile)
        if secret is None or profile.uses_oauth:
            continue
        other = first.setdefault(secret, profile)
        if other.provider.id != profile.provider.id and case.origin(other.base_url) != case.origin(profile.base_url):
            yield Finding(
                "CBA442",
                case.place_of_secret(profile),
                f"this is also the secret of {called(other.id)}: two providers get it",
                "give each provider a secret of its own",
                severity=WARNING,
                related=((f"the secret of {called(other.id)}", case.place_of_secret(other)),),
            )
        elif case.rotates and profile.weight > 0:
            twins = shared.setdefault((secret, profile.base_url), Index(case.budget))
            yield from _twin(case, profile, twins)
            for pattern in profile.models.patterns:
                twins.put(pattern, profile)


def _twin(case: Case, profile: Profile, twins: Index[Profile]) -> Iterator[Finding]:
    found = [next(twins.broader(pattern), None) for pattern in profile.models.patterns]
    if all(found) and found[0] is not None:
        other = found[0][1]
        yield Finding(
            "CBA442",
            case.place_of_secret(profile),
            f"this is also the secret of {called(other.id)}, which serves the same models: they share one limit, so"
            " that sharing calls between them gains nothing",
            "give it a secret of its own, or take the profile out and raise the `weight` of the other one",
            severity=WARNING,
            related=((f"the secret of {called(other.id)}", case.place_of_secret(other)),),
        )


def relative_commands(case: Case) -> Iterator[Finding]:
    """CBA443: a program that is looked for from the folder of the file, where others may put one."""
    for profile in case.plan.profiles:
        credential = profile.credential
        if isinstance(credential, tuple):
            for ref in credential:
                if _is_relative(ref):
                    yield _relative(("profiles", profile.id, "api_key"))
    for name in case.given("providers") or {}:
        client = case.plan.providers[name].oauth
        if client is not None and client.client_secret is not None and _is_relative(client.client_secret):
            yield _relative(("providers", name, "oauth", "client_secret"))


def _is_relative(ref: SecretRef) -> bool:
    program = ref.args[0]
    return ref.scheme == "command" and "/" in program and not PurePosixPath(program).is_absolute()


def _relative(path: Path) -> Finding:
    return Finding(
        "CBA443",
        path,
        "this program is looked for beside the file: whoever may write there decides what is run",
        "write its whole path, or the bare name of a program on the PATH",
        severity=WARNING,
    )
