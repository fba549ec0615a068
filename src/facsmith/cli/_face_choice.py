"""``--face N``, several of them each with its own ``-e``, or ``--face all``."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Final

import typer

from facsmith.errors import InputError

if TYPE_CHECKING:
    from facsmith.plan import Expressions

__all__ = ["ALL", "FacesOption", "check_faces", "one_each", "per_face"]

ALL: Final = "all"
_MOST_DIGITS: Final = 9


def _checked(faces: list[str] | None) -> list[str] | None:
    if faces is None:
        return None
    for said in faces:
        if said != ALL and not (said.isdecimal() and len(said) <= _MOST_DIGITS):
            raise typer.BadParameter(f"{said[:20]!r} is no face: give its number, 0 being the largest, or all")
    return [said if said == ALL else str(int(said)) for said in faces]  # 00 is 0


FacesOption = Annotated[
    list[str] | None,
    typer.Option(
        "--face",
        metavar="N|all",
        callback=_checked,
        help="Which face, 0 being the largest; several, each with its own -e; or all.",
        show_default="the largest",
    ),
]


def per_face(faces: Sequence[str], expressions: Sequence[str] | None) -> "Expressions | dict[int, Expressions]":
    """What each of several faces does: one expression for each, or the same for all.

    Raises:
        InputError: as many expressions as there are neither faces nor one; or ``all`` beside a number.
    """
    if not expressions:
        raise InputError("Several faces need --expression: one for each of them, or one for all.")
    check_faces(faces)
    if ALL in faces:
        return list(expressions) if len(expressions) > 1 else expressions[0]
    each = one_each(faces, expressions, "expressions by -e")
    return {int(face): expression for face, expression in zip(faces, each, strict=True)}


def check_faces(faces: Sequence[str]) -> None:
    """Refuse one face twice, and ``all`` beside a number.

    Raises:
        InputError: it is so.
    """
    if len(set(faces)) < len(faces):
        raise InputError("One face was given twice; give each --face once.")
    if ALL in faces and len(faces) > 1:
        raise InputError("--face all is all of them; leave the other --face out.")


def one_each(faces: Sequence[str], given: Sequence[str], what: str) -> list[str]:
    """What each of the faces is given, in their order.

    Args:
        faces: at least one.
        given: one for each of them, or one for all.
        what: names it, with its option.

    Raises:
        InputError: neither so many nor one.
    """
    if len(given) not in (1, len(faces)):
        count = "one face" if len(faces) == 1 else f"{len(faces)} faces"
        raise InputError(f"{count} and {len(given)} {what}: give one for each --face, in their order, or one for all.")
    return [*given] * len(faces) if len(given) == 1 else [*given]
