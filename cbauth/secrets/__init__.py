"""Where credentials come from: environment, file, keyring, command, or straight from Python.

Laws:

1. A secret's text leaves its ``Secret`` only through ``reveal()``: never by ``repr``, formatting, pickling, hashing,
   copying or iteration.
2. ``missing()`` is cheap and says what to do; ``get()`` gives a secret that can go into a header, or raises
   ``AuthError`` with one clear sentence.
3. No exception of this room holds a secret: not in its text, not in what it is chained to, not in the local variables
   of the frames it passed.
4. A slow source (file, keyring, command) is asked once for any number of threads; ``forget()`` makes it ask again.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from cbauth.plan import SecretRef
from cbauth.secrets.secret import Secret, Source
from cbauth.secrets.sources import Blocked, Environment, FirstOf, Given, Nothing

__all__ = ["Blocked", "Environment", "FirstOf", "Given", "Nothing", "Secret", "Source", "source_for"]


def source_for(
    refs: tuple[SecretRef, ...] | None,
    *,
    base_dir: Path | None,
    environ: Mapping[str, str] | None = None,
    allow_command: bool = True,
) -> Source:
    """The source that a profile's references stand for; the first that is set wins.

    ``None`` is a protocol without a credential, an empty tuple a credential that nobody declared. Relative files and
    programs are looked up in ``base_dir``, the folder of profiles.yaml (``None``: the current one). ``environ`` stands
    in for ``os.environ``. Never raises: a reference that cannot be used says so in ``missing()``.
    """
    if refs is None:
        return Nothing()
    if not refs:
        return Blocked("no credential is declared: give the profile an `api_key` or an `oauth` login")
    sources = tuple(_source(ref, base_dir, environ, allow_command) for ref in refs)
    return sources[0] if len(sources) == 1 else FirstOf(sources)


def _source(ref: SecretRef, base_dir: Path | None, environ: Mapping[str, str] | None, allow_command: bool) -> Source:
    match ref.scheme, ref.args:
        case "env", (name,):
            return Environment(name, environ)
        case "file", (path,):
            from cbauth.secrets.file import File

            return File(path, base_dir)
        case "keyring", (service, user):
            from cbauth.secrets.keyring import Keyring

            return Keyring(service, user)
        case "command", (_, *_) if not allow_command:
            return Blocked(f"{ref} is not trusted: run `cbauth trust`", description=str(ref))
        case "command", (_, *_):
            from cbauth.secrets.command import Command

            return Command(ref.args, base_dir)
    return Blocked(f"{ref.scheme} is no place for a secret: use env:, file:, keyring: or command:")
