"""Films of people with one person's expression re-edited in Action Units, and nothing else.

>>> from facsmith import Animator
>>> Animator.from_pretrained().edit_film("her.mp4", "calmer.mp4", relative="AU12=-0.4")  # doctest: +SKIP

A film is looked at once (`survey`), one face followed through it (`follow`); the person's neutral is found in it
(`neutral`); every frame is then edited for itself (`editor`) by what the change asks of it (`change`), measured
(`account`) and written with the film's own sound (`process`).
"""

from facsmith.footage.change import FilmChange, read_changes
from facsmith.footage.contact_sheet import write_contact_sheet
from facsmith.footage.options import FilmOptions
from facsmith.footage.process import edit_footage
from facsmith.footage.receipt import FilmReceipt

__all__ = ["FilmChange", "FilmOptions", "FilmReceipt", "edit_footage", "read_changes", "write_contact_sheet"]
