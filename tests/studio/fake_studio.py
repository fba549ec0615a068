"""A studio whose networks are fakes, as a program: prints its address. Its argument is a folder.

While a file ``hold`` lies there, films stop at their second frame, having written ``begun``.
"""

import sys
import time
from pathlib import Path

from conftest import fake_animator

from facsmith.film import Animation
from facsmith.inversion import InversionOptions
from facsmith.options import AnimateOptions
from facsmith.studio import StudioOptions, serve

QUICK = AnimateOptions(fps=8, inversion=InversionOptions(iterations=2))


def main(folder: Path) -> None:
    frames = Animation.frames

    def held(self, progress=None):
        for number, frame in enumerate(frames(self, progress)):
            if number == 1 and (folder / "hold").exists():
                (folder / "begun").touch()
                while (folder / "hold").exists():
                    time.sleep(0.02)
            yield frame

    Animation.frames = held
    serve(fake_animator(), StudioOptions(port=0, animate=QUICK, grace=2.0), ready=announce)


def announce(address: str) -> None:
    sys.stdout.write(f"{address}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
