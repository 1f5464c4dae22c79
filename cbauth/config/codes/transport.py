"""``CBA3xx``: secrets and transport."""

from __future__ import annotations

from cbauth.config.codes.rule import Rule
from cbauth.config.diagnostics import WARNING

__all__ = ["RULES"]

RULES: tuple[Rule, ...] = (
    Rule(
        code="CBA301",
        title="a secret in the file",
        why="Files are shared, committed and backed up; whoever reads them has the secret.",
        help="Write where the secret is to be found, and replace the secret where it was issued: it is no longer one.",
        bad="version: 1\nprofiles:\n  work: {provider: openai, api_key: this-would-be-the-key-itself}\n",
        good="version: 1\nprofiles:\n  work: {provider: openai, api_key: env:OPENAI_API_KEY}\n",
    ),
    Rule(
        code="CBA302",
        title="a credential in a URL",
        why="URLs are logged and shown, by proxies too.",
        help="Take the user, password or key out of it, and give the secret as a reference.",
        bad='version: 1\nprofiles:\n  work: {provider: openai, base_url: "https://me:password@llm.acme.example/v1"}\n',
        good='version: 1\nprofiles:\n  work: {provider: openai, base_url: "https://llm.acme.example/v1"}\n',
    ),
    Rule(
        code="CBA303",
        title="plain http or redis to another machine",
        why="Without TLS everybody on the way reads the requests and what they carry, and may answer instead.",
        help="Use `https://`, and `rediss://` for a store; without TLS is for this machine only.",
        bad='version: 1\nprofiles:\n  work: {provider: openai, base_url: "http://llm.acme.example/v1"}\n',
        good='version: 1\nprofiles:\n  work: {provider: openai, base_url: "https://llm.acme.example/v1"}\n',
        severity=WARNING,
    ),
    Rule(
        code="CBA304",
        title="a login without TLS",
        why="OAuth endpoints must use TLS (RFC 6749 sections 3.1 and 3.2), except on this very machine.",
        help="Use `https://`.",
        bad="""\
version: 1
providers:
  acme:
    protocol: openai
    oauth: {issuer: "http://login.acme.example", client_id: my-client}
profiles:
  me: {provider: acme, oauth: {}}
""",
        good="""\
version: 1
providers:
  acme:
    protocol: openai
    oauth: {issuer: "https://login.acme.example", client_id: my-client}
profiles:
  me: {provider: acme, oauth: {}}
""",
    ),
    Rule(
        code="CBA305",
        title="an authorization header in the file",
        why="A header such as `Authorization: Bearer …` is a secret as much as a key is, and cbauth makes its own.",
        help="Take it out, replace the secret where it was issued, and refer to the new one in `api_key`.",
        bad="version: 1\nprofiles:\n  work: {provider: openai, metadata: {authorization: Bearer of-good-news}}\n",
        good="version: 1\nprofiles:\n  work: {provider: openai, api_key: env:OPENAI_API_KEY}\n",
    ),
)
