"""From what the user asked to a timeline: natural timings, the photo's own expression at both ends."""

from collections.abc import Sequence

from facsmith.errors import ActionUnitError
from facsmith.facs import INTENSITY_LETTERS, OCCURRENCE, ActionUnits, parse_expression, unlettered
from facsmith.options import AnimateOptions
from facsmith.timeline import NATURAL_TIMINGS, Timeline, Timing, vary
from facsmith.timeline.blocks import DEFAULT_TIMING
from facsmith.timeline.natural import ASYNCHRONY

__all__ = ["Expression", "Expressions", "expression_notes", "keyframe_seconds", "lead", "plan", "read_expression"]

Expression = str | ActionUnits
Expressions = Expression | Sequence[Expression] | Timeline

OPENING_HOLD = 0.5
"""Seconds for which a sequence of expressions shows the photo's own one first."""
NEUTRAL_REST = 0.4
"""Seconds for which the face rests after its own expression went."""
_NEUTRAL_RISE = NATURAL_TIMINGS["neutral"].onset
MOST_KEYFRAMES = 12
"""Keyframes measured and shown at most; a recorded track has thousands."""


def read_expression(expression: Expression) -> ActionUnits:
    """An emotion's name, an AU list or ready ActionUnits."""
    return parse_expression(expression) if isinstance(expression, str) else expression


def plan(expressions: Expressions, start: ActionUnits, options: AnimateOptions) -> Timeline:
    """One expression: from ``start`` to it and back. Several: one after the other, then back. A Timeline: as it is.

    With ``neutral_first``, ``start`` fades to the timeline's first pose before, and is not come back to.
    """
    if options.neutral_first:
        own = _performance(expressions, ActionUnits(), options)
        timeline = own.led_in(start, rise=_NEUTRAL_RISE, hold=OPENING_HOLD / 2, rest=NEUTRAL_REST)
    else:
        timeline = _performance(expressions, start, options)
    if options.blinks:
        timeline = timeline.blinking(seed=options.inversion.seed)
    return timeline.looped() if options.loop else timeline


def lead(options: AnimateOptions) -> float:
    """Seconds of a film before what was asked for begins."""
    return _NEUTRAL_RISE + OPENING_HOLD / 2 + NEUTRAL_REST if options.neutral_first else 0.0


def _performance(expressions: Expressions, start: ActionUnits, options: AnimateOptions) -> Timeline:
    if isinstance(expressions, Timeline):
        return expressions
    timeline = _between(expressions, start, options)
    return timeline.scattered(ASYNCHRONY[options.variant], seed=options.inversion.seed)


def _between(expressions: Expression | Sequence[Expression], start: ActionUnits, options: AnimateOptions) -> Timeline:
    if isinstance(expressions, str | ActionUnits):
        timing = _timing(expressions, options)
        return Timeline.onset_apex_offset(
            read_expression(expressions), onset=timing.onset, apex=timing.apex, offset=timing.offset, start=start
        )
    if not expressions:
        raise ActionUnitError("No expression was given; name an emotion (happiness) or AUs (AU6=C,AU12=0.6).")
    seconds, poses = OPENING_HOLD, [(0.0, start), (OPENING_HOLD, start)]
    timing = DEFAULT_TIMING
    for expression in expressions:
        timing, action_units = _timing(expression, options), read_expression(expression)
        for phase in (timing.onset, timing.apex):
            if phase > 0:
                seconds += phase
                poses.append((seconds, action_units))
    if timing.offset > 0:
        poses.append((seconds + timing.offset, start))
    return Timeline.sequence(poses)


def expression_notes(expressions: Expressions) -> list[str]:
    """What was read into an asked expression: AUs without an intensity occur at a stated one."""
    if isinstance(expressions, Timeline):
        return list(expressions.notes)
    each = [expressions] if isinstance(expressions, str | ActionUnits) else expressions
    notes: list[str] = []
    for expression in each:
        plain = unlettered(expression) if isinstance(expression, str) else ()
        if plain:
            letter = next(letter for letter, e in INTENSITY_LETTERS.items() if e == OCCURRENCE)
            notes.append(f"{', '.join(plain)}: given without an intensity, shown at {letter} ({OCCURRENCE:g}).")
    return notes


def keyframe_seconds(timeline: Timeline) -> list[float]:
    """The seconds at which something is asked, at most MOST_KEYFRAMES of them, first and last included."""
    times = timeline.key_times()
    if len(times) <= MOST_KEYFRAMES:
        return times
    step = (len(times) - 1) / (MOST_KEYFRAMES - 1)
    return [times[round(i * step)] for i in range(MOST_KEYFRAMES)]


def _timing(expression: Expression, options: AnimateOptions) -> Timing:
    name = expression.strip().lower() if isinstance(expression, str) else ""
    natural = vary(NATURAL_TIMINGS.get(name, DEFAULT_TIMING), options.variant)
    asked = (options.onset, options.apex, options.offset)
    own = (natural.onset, natural.apex, natural.offset)
    return Timing(*(b if a is None else a for a, b in zip(asked, own, strict=True)))
