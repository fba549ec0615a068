"""The facade: a photo and an expression in, a film out.

>>> from facsmith import Animator
>>> film = Animator.from_pretrained().animate("her.jpg", "happiness")  # doctest: +SKIP
>>> film.save("happy.mp4")  # doctest: +SKIP
"""

from facsmith.animate.animator import Animator
from facsmith.animate.film import Animation, Picture
from facsmith.animate.options import AnimateOptions, Progress
from facsmith.animate.page import check_page, write_page
from facsmith.animate.receipt import Curves, KeyframeRecord, Leakage, Receipt
from facsmith.animate.receipt_file import read_receipt
from facsmith.animate.subject import Subject

__all__ = [
    "AnimateOptions",
    "Animation",
    "Animator",
    "Curves",
    "KeyframeRecord",
    "Leakage",
    "Picture",
    "Progress",
    "Receipt",
    "Subject",
    "check_page",
    "read_receipt",
    "write_page",
]
