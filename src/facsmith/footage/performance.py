"""A new performance on a film's moving head, said as on photos."""

from facsmith.errors import InputError
from facsmith.facs import ActionUnits
from facsmith.footage.change import FilmChange
from facsmith.options import AnimateOptions
from facsmith.plan import Expressions, plan

__all__ = ["performance_of"]


def performance_of(expressions: Expressions, options: AnimateOptions) -> FilmChange:
    """What a performance asks of a film: the face's own expression goes, the asked one comes from rest and back to it.

    Parameters
    ----------
    expressions
        ``"happiness"``, ``"AU6=C,AU12=0.6"``, ActionUnits, a sequence of these, or a Timeline.
    options
        Timings, variant and blinks; what is of photos alone does not count.

    Raises
    ------
    InputError
        Options that films do not have.
    """
    if options.mode != "transfer":
        raise InputError(f"Mode {options.mode} is of photos; on a film, only movement is transferred (mode transfer).")
    if options.edit == "relative":
        raise InputError(
            "A performance replaces what the film shows. To add to it: facsmith edit FILM --relative AU12=+0.3."
        )
    if options.loop or options.neutral_first:
        raise InputError("A film's performance begins and ends at rest: leave out --loop and --neutral-first.")
    return FilmChange(performance=plan(expressions, ActionUnits(), options))
