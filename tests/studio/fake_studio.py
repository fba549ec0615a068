"""A studio whose networks are fakes, as a program: prints its address. Its first argument is a folder.

While a file ``hold`` lies there, films stop at their second frame, having written ``begun``.
"""

import argparse
import sys
import time
from pathlib import Path

from conftest import fake_animator

from facsmith.film import Animation
from facsmith.inversion import InversionOptions
from facsmith.options import AnimateOptions
from facsmith.studio import StudioOptions, serve

QUICK = AnimateOptions(fps=5, inversion=InversionOptions(iterations=2))


def main(folder: Path, *, port: int, grace: float) -> None:
    frames = Animation.frames

    def held(self, progress=None):
        for number, frame in enumerate(frames(self, progress)):
            if number == 1 and (folder / "hold").exists():
                (folder / "begun").touch()
                while (folder / "hold").exists():
                    time.sleep(0.02)
            yield frame

    Animation.frames = held
    serve(fake_animator(), StudioOptions(port=port, animate=QUICK, grace=grace), ready=announce)


def announce(address: str) -> None:
    sys.stdout.write(f"{address}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--grace", type=float, default=2.0, help="seconds")
    main(**vars(parser.parse_args()))
