"""Films of people with one person's expression re-edited in Action Units, and nothing else.

>>> from facsmith import Animator
>>> Animator.from_pretrained().edit_film("her.mp4", "calmer.mp4", relative="AU12=-0.4")  # doctest: +SKIP

A film is looked at once for each face (`survey`), which is followed through it (`follow`); the person's neutral is
found in it (`neutral`) and what shall change, frame by frame (`film_face`, `change`, `performance`); every frame is
then edited for itself (`editor`), measured (`account`) and written with the film's own sound (`process`).
"""

from facsmith.footage.change import FilmChange, read_changes
from facsmith.footage.contact_sheet import write_contact_sheet
from facsmith.footage.film_face import film_faces
from facsmith.footage.options import FilmOptions
from facsmith.footage.performance import performance_of
from facsmith.footage.process import edit_footage, edit_footage_faces
from facsmith.footage.receipt import FilmReceipt

__all__ = [
    "FilmChange",
    "FilmOptions",
    "FilmReceipt",
    "edit_footage",
    "edit_footage_faces",
    "film_faces",
    "performance_of",
    "read_changes",
    "write_contact_sheet",
]
