"""An animation whose HTML needs no network."""

from __future__ import annotations

import re
from typing import Any

from matplotlib.animation import FuncAnimation

# matplotlib's buttons wear signs of a font that it asks a server for: https://fontawesome.com/v4/icons
SIGNS = {
    "fa-minus": "−",
    "fa-fast-backward": "«",
    "fa-step-backward": "‹",
    "fa-play fa-flip-horizontal": "◀",
    "fa-pause": "❚❚",
    "fa-play": "▶",
    "fa-step-forward": "›",
    "fa-fast-forward": "»",
    "fa-plus": "+",
}


class Player(FuncAnimation):
    """matplotlib's animation; `to_jshtml`, which notebooks show, has all that it needs in it."""

    def to_jshtml(self, *arguments: Any, **options: Any) -> str:
        """Return HTML with buttons, as matplotlib's, without its link to a server."""
        page = super().to_jshtml(*arguments, **options)
        page = page.replace(' action="#n"', "")  # no such place
        page = re.sub(r'<link[^>]*href="https?://[^>]*>', "", page)
        page = re.sub(
            r'<i class="fa ([^"]*)"></i>', lambda found: SIGNS.get(found[1], found[0]), page
        )
        # On a screen narrower than the picture, picture and slider are as wide as the screen.
        return page.replace(
            "</style>", ".animation img, .anim-slider { max-width: 100%; }\n</style>"
        )
