"""Generated frames into the photo: only what changed (`transfer`), the whole face (`paste`), or not at all (`crop`)."""

from facsmith.compose.compositor import Compositor, Mode, join
from facsmith.compose.eyes import Eyes

__all__ = ["Compositor", "Eyes", "Mode", "join"]
