"""Generated frames into the photo: only what changed (`transfer`), the whole face (`paste`), or not at all (`crop`)."""

from facsmith.compose.compositor import Compositor, Mode, join
from facsmith.compose.eyes import Eyes
from facsmith.compose.transfer import SHARP

__all__ = ["SHARP", "Compositor", "Eyes", "Mode", "join"]
