"""The studio: a web page on this machine where an animator or a psychologist works.

`StudioSession` is one visitor's work, free of any web; `serve` puts it on a page (needs the extra ``studio``).
"""

from facsmith.studio.options import StudioOptions
from facsmith.studio.server import application, make_server, serve
from facsmith.studio.session import StudioSession

__all__ = ["StudioOptions", "StudioSession", "application", "make_server", "serve"]
