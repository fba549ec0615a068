"""``--face N``, several of them each with its own ``-e``, or ``--face all``."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Final

import typer

from facsmith.errors import InputError

if TYPE_CHECKING:
    from facsmith.plan import Expressions

__all__ = ["ALL", "FacesOption", "per_face"]

ALL: Final = "all"


def _checked(faces: list[str] | None) -> list[str] | None:
    for said in faces or []:
        if said != ALL and not said.isdigit():
            raise typer.BadParameter(f"{said[:20]!r} is no face: give its number, 0 being the largest, or all")
    return faces


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
    if ALL in faces:
        if len(faces) > 1:
            raise InputError("--face all is all of them; leave the other --face out.")
        return list(expressions) if len(expressions) > 1 else expressions[0]
    if len(set(faces)) < len(faces):
        raise InputError("One face was given twice; give each --face once, with one -e.")
    if len(expressions) not in (1, len(faces)):
        raise InputError(
            f"{len(faces)} faces and {len(expressions)} expressions: give one -e for each --face, in their order, or "
            "one for all."
        )
    each = list(expressions) * len(faces) if len(expressions) == 1 else expressions
    return {int(face): expression for face, expression in zip(faces, each, strict=True)}
