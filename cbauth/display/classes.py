"""HTML of a live view with its repeated styles said once: what is sent again and again is a fraction as long.

Outputs that stay have their styles inline, since pages that clean up what notebooks show drop ``<style>``; a widget is
never cleaned up. A class is named for what it says, so two views on a page never contradict each other.
"""

from __future__ import annotations

import re
from collections import Counter
from html import unescape
from zlib import crc32

from cbauth.display.html import Markup

__all__ = ["in_classes"]

WITHIN = ".cbauth-view.cbauth-view.cbauth-view"
"""All that is shown; said thrice, so that it outweighs what the front-end says of every table."""
STYLE = re.compile(r' style="([^"]*)"')
"""As ``element`` writes it: what looks like this in a text has its quotes escaped."""
FEW = 2


def in_classes(html: Markup) -> Markup:
    """The same, for a view with the class ``cbauth-view``."""
    counts = Counter(STYLE.findall(html))
    often = {style: f"cb-{crc32(style.encode()):x}" for style, count in counts.items() if count > FEW}
    if not often:
        return html
    rules = "".join(f"{WITHIN} .{name}{{{unescape(style)}}}" for style, name in often.items())
    short = STYLE.sub(lambda found: f' class="{often[found[1]]}"' if found[1] in often else found[0], html)
    return Markup(f"<style>{rules}</style>{short}")
