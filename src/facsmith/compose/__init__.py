"""Generated frames into the photo: only what changed (`transfer`), the whole face (`paste`), or not at all (`crop`)."""

from facsmith.compose.compositor import Compositor, Mode, join
from facsmith.compose.lids import Lids

__all__ = ["Compositor", "Lids", "Mode", "join"]
