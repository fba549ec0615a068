"""The facade: a photo and an expression in, a film out.

>>> from facsmith import Animator
>>> film = Animator.from_pretrained().animate("her.jpg", "happiness")  # doctest: +SKIP
>>> film.save("happy.mp4")  # doctest: +SKIP
"""

from facsmith.animate.animator import Animator
from facsmith.animate.film import Animation, Picture
from facsmith.animate.options import AnimateOptions, Progress
from facsmith.animate.receipt import KeyframeRecord, Receipt
from facsmith.animate.subject import Subject

__all__ = ["AnimateOptions", "Animation", "Animator", "KeyframeRecord", "Picture", "Progress", "Receipt", "Subject"]
