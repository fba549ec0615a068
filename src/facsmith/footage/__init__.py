"""Films of people with one person's expression re-edited in Action Units, and nothing else.

>>> from facsmith import Animator
>>> Animator.from_pretrained().edit_film("her.mp4", "calmer.mp4", relative="AU12=-0.4")  # doctest: +SKIP

A film is looked at once for each face (`people`, `survey`), which is followed through it (`follow`); the person's
neutral is found in it (`neutral`), and so is what shall change, frame by frame (`face_plan`, `change`, `performance`).
Every frame is then edited for itself (`film_face`, `editor`), measured (`account`) and written with the film's own
sound (`parts`); `process` leads through all of it.
"""

from facsmith.footage.change import FilmChange, read_changes
from facsmith.footage.contact_sheet import write_contact_sheet
from facsmith.footage.options import FilmOptions
from facsmith.footage.people import film_faces
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
