"""Timelines as YAML files: expressions in time, keyframes per Action Unit and side, blinks (docs/how-to/timelines.md).

A file from a stranger is text of at most a MiB, read by YAML's safe loader: plain values only, no aliases, nothing
constructed. Every refusal says where in the file it is.
"""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from facsmith._files import atomic_path
from facsmith._json import is_list, is_record
from facsmith.errors import ActionUnitError, InputError, TimelineError
from facsmith.facs import INTENSITY_LETTERS, UNSIDED, playable
from facsmith.timeline._plain import load_plain, shown
from facsmith.timeline.blocks import Block, block_tracks
from facsmith.timeline.core import Sides, Timeline
from facsmith.timeline.curves import BLINK, EASINGS, Easing, Keyframe, Samples, Track
from facsmith.timeline.natural import BLINK_SECONDS, VARIANTS, Variant, blink_track

__all__ = ["MAX_BYTES", "VERSION", "dump_yaml", "parse_yaml", "read_yaml", "write_yaml"]

VERSION = 1
MAX_BYTES = 1 << 20
_MAX_KEYS = 20_000
_TOP = ("timeline", "title", "duration", "loop", "variant", "seed", "expressions", "keyframes", "blinks")
_BLOCK = ("at", "show", "strength", "onset", "apex", "offset", "easing", "release", "variant", "asynchrony")
_SIDES: Mapping[str, Sides | None] = {"AU": None, "L": "left", "R": "right"}

Tracks = dict[int, Track]


def read_yaml(path: str | os.PathLike[str]) -> Timeline:
    """Read a timeline file.

    Raises
    ------
    TimelineError
        No such file, too large a one, or one that says no timeline; the message says where.
    """
    file = Path(path)
    if not file.is_file():
        raise TimelineError(f"There is no timeline file {path}. Check the path.")
    if file.stat().st_size > MAX_BYTES:
        raise TimelineError(f"{path} is larger than {MAX_BYTES >> 20} MiB; a long recording belongs into a CSV track.")
    try:
        text = file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise TimelineError(f"{path} is no text in UTF-8; give a timeline written as YAML.") from error
    return parse_yaml(text, name=file.name)


def parse_yaml(text: str, *, name: str = "timeline") -> Timeline:
    """A timeline from the text of its file; ``name`` is what refusals call it."""
    if len(text) > MAX_BYTES:
        raise TimelineError(f"{name} is larger than {MAX_BYTES >> 20} MiB; a long recording belongs into a CSV track.")
    try:
        return _timeline(load_plain(text))
    except InputError as error:
        raise TimelineError(f"{name}: {error}") from error


def write_yaml(path: str | os.PathLike[str], timeline: Timeline) -> None:
    """Write a timeline file, as keyframes; `read_yaml` gives the same curves."""
    text = dump_yaml(timeline)
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def dump_yaml(timeline: Timeline) -> str:
    """The text of a timeline file. Samples become keyframes with straight lines between them.

    Raises
    ------
    TimelineError
        It would be larger than `read_yaml` accepts; `facsmith.tracks` writes long recordings.
    """
    lines = [f"timeline: {VERSION}"]
    lines += [f"duration: {_text(timeline.minimum_duration)}"] if timeline.minimum_duration else []
    lines += ["loop: true"] if timeline.loop else []
    named = (("AU", timeline.tracks), ("L", timeline.left), ("R", timeline.right))
    rows = [(f"{prefix}{au}", track) for prefix, tracks in named for au, track in tracks.items() if track != ()]
    lines += ["keyframes:"] if rows else []
    size = 0
    for label, track in rows:
        lines.append(f"  {label}:")
        for seconds, intensity, easing in _points(track):
            lines.append(f"    - [{_text(seconds)}, {_text(intensity)}, {easing}]")
            size += len(lines[-1])
            if size > MAX_BYTES // 2 or len(lines) > _MAX_KEYS:
                raise TimelineError("This timeline is too long for YAML; write it as a CSV track (facsmith.tracks).")
    return "\n".join(lines) + "\n"


def _text(number: float) -> str:
    """Exactly the number, as YAML 1.1 knows it: with a point even before an exponent."""
    text = repr(float(number))
    return text if "." in text else text.replace("e", ".0e")


def _points(track: Track) -> Iterable[tuple[float, float, Easing]]:
    if isinstance(track, Samples):
        return ((t, e, "linear") for t, e in zip(track.seconds.tolist(), track.intensities.tolist(), strict=True))
    return ((float(key.seconds), float(key.intensity), key.easing) for key in track)


def _timeline(data: Any) -> Timeline:
    top = _mapping(data, "the file", _TOP)
    if top.get("timeline") != VERSION or isinstance(top.get("timeline"), bool):
        raise TimelineError(f"its first line must say `timeline: {VERSION}`, the version of the format.")
    variant = _variant(top.get("variant"), "variant")
    seed = top.get("seed", 0)
    if not isinstance(seed, int) or isinstance(seed, bool) or not 0 <= seed < 1 << 63:
        raise TimelineError(f"seed is {shown(seed)}; give a whole number of 0 or more.")
    loop = top.get("loop", False)
    if not isinstance(loop, bool):
        raise TimelineError(f"loop is {shown(loop)}; give true or false.")
    blocks = [_block(row, f"expressions[{i}]", variant) for i, row in enumerate(_list(top, "expressions"))]
    tracks: dict[Sides | None, Tracks] = {None: {}, "left": {}, "right": {}}
    _add_keyframes(tracks, top.get("keyframes"))
    written = {au for one in tracks.values() for au in one}
    _add_blinks(tracks, _list(top, "blinks"))
    played, until = block_tracks(blocks, seed=seed)
    for side, one in played.items():
        for au, track in one.items():
            if au in written:
                raise TimelineError(f"AU{au} is in `expressions` and in `keyframes`; give it in one of them.")
            tracks[side][au] = track
    duration = max(until, _number(top.get("duration", 0.0), "duration"))
    if not any(tracks.values()) and duration == 0:
        raise TimelineError("it asks for nothing; give `expressions`, `keyframes` or `blinks`, or a `duration`.")
    timeline = Timeline(tracks[None], duration, left=tracks["left"], right=tracks["right"])
    return timeline.looped() if loop else timeline


def _block(row: Any, where: str, variant: Variant | None) -> Block:
    """One entry of ``expressions``."""
    given = _mapping(row, where, _BLOCK)
    show = given.get("show")
    if not isinstance(show, str):
        raise TimelineError(f"{where}.show is {shown(show)}; give an emotion (happiness) or AUs (AU6=C,L12=D).")
    seconds = {key: _number(given[key], f"{where}.{key}") for key in ("onset", "apex", "offset") if key in given}
    try:
        return Block.of(
            show,
            at=_number(given.get("at", 0.0), f"{where}.at"),
            strength=_number(given.get("strength", 1.0), f"{where}.strength"),
            seconds=seconds,
            easing=_easing(given.get("easing", "min-jerk"), f"{where}.easing"),
            release=_easing(given.get("release", "relax"), f"{where}.release"),
            variant=_variant(given["variant"], f"{where}.variant") if "variant" in given else variant,
            asynchrony=_number(given["asynchrony"], f"{where}.asynchrony") if "asynchrony" in given else None,
        )
    except (ActionUnitError, TimelineError) as error:
        text = str(error)
        raise TimelineError(text if text.startswith(where) else f"{where}: {text}") from error


def _add_keyframes(tracks: dict[Sides | None, Tracks], data: Any) -> None:
    for label, rows in ({} if data is None else _mapping(data, "keyframes", None)).items():
        where = f"keyframes.{label}"
        prefix = label.rstrip("0123456789").upper()
        number = label[len(prefix) :]
        if prefix not in _SIDES or not number:
            raise TimelineError(f"{where} is no Action Unit; give AU12, or L12 or R12 for one side.")
        try:
            au = playable(int(number[:9]))
        except ActionUnitError as error:
            raise TimelineError(f"{where}: {error}") from error
        if au in UNSIDED and prefix != "AU":
            raise TimelineError(f"{where}: AU{au} has no sides in FACS; give AU{au}.")
        one = tracks[_SIDES[prefix]]
        if int(number) in one:
            raise TimelineError(f"{where} is given twice.")
        if not is_list(rows) or not rows:
            raise TimelineError(f"{where} is {shown(rows)}; give a list as in - [0.5, C, smooth].")
        keys = [_keyframe(row, f"{where}[{i}]") for i, row in enumerate(rows)]
        one[int(number)] = tuple(keys)
    for au in tracks[None]:  # `AU12` beside `L12`: the side replaces it
        if au in tracks["left"] and au in tracks["right"]:
            raise TimelineError(f"keyframes.AU{au} would never be seen beside L{au} and R{au}; leave one out.")


def _keyframe(row: Any, where: str) -> Keyframe:
    if is_list(row):
        values = row
        if len(values) not in (2, 3):
            raise TimelineError(f"{where} has {len(values)} values; give [seconds, intensity] or add the easing.")
        row = dict(zip(("at", "intensity", "easing"), values, strict=False))
    given = _mapping(row, where, ("at", "intensity", "easing"))
    for key in ("at", "intensity"):
        if key not in given:
            raise TimelineError(f"{where} has no `{key}`; give at (seconds) and intensity (0 to 1, or A to E).")
    easing = _easing(given.get("easing", "min-jerk"), f"{where}.easing")
    raw = given["intensity"]
    letter = INTENSITY_LETTERS.get(raw.upper()) if isinstance(raw, str) else None
    try:
        intensity = _number(raw, f"{where}.intensity") if letter is None else letter
        return Keyframe(_number(given["at"], f"{where}.at"), intensity, easing)
    except TimelineError as error:
        text = str(error)
        raise TimelineError(text if text.startswith(where) else f"{where}: {text}") from error


def _add_blinks(tracks: dict[Sides | None, Tracks], rows: list[Any]) -> None:
    moments: dict[Sides, list[tuple[float, float]]] = {"left": [], "right": []}
    for i, row in enumerate(rows):
        where = f"blinks[{i}]"
        given = _mapping(row if isinstance(row, dict) else {"at": row}, where, ("at", "side", "seconds"))
        side = given.get("side", "both")
        if side not in ("both", "left", "right"):
            raise TimelineError(f"{where}.side is {shown(side)}; give both, left or right.")
        at = _number(given.get("at"), f"{where}.at")
        seconds = _number(given.get("seconds", BLINK_SECONDS), f"{where}.seconds")
        if not 0.05 <= seconds <= 10:
            raise TimelineError(f"{where}.seconds is {seconds:g}; give 0.05 to 10 seconds.")
        for name in ("left", "right") if side == "both" else (side,):
            moments[name].append((at, seconds))
    if rows and any(BLINK in one for one in tracks.values()):
        raise TimelineError("AU45 is in `keyframes` and there are `blinks`; give one of them.")
    drawn: dict[Sides, Track] = {}
    for name, each in moments.items():
        keys: list[Keyframe] = []
        for at, seconds in sorted(each):
            blink = blink_track([at], seconds=seconds)
            if keys and keys[-1].seconds >= at:
                raise TimelineError(
                    f"a blink at {at:g} s begins before the one before it ends; put them further apart."
                )
            keys += blink
        drawn[name] = tuple(keys)
    if drawn["left"] and drawn["left"] == drawn["right"]:
        tracks[None][BLINK] = drawn["left"]
    else:
        for name, track in drawn.items():
            if track:
                tracks[name][BLINK] = track


def _mapping(data: Any, where: str, known: tuple[str, ...] | None) -> dict[str, Any]:
    if not is_record(data):
        raise TimelineError(f"{where} is {shown(data)}; give keys with values.")
    keys: list[Any] = list(data)
    for key in keys:
        if not isinstance(key, str) or (known is not None and key not in known):
            allowed = f"allowed: {', '.join(known)}" if known else "give names"
            raise TimelineError(f"{where} has the key {shown(key)}; {allowed}.")
    return data


def _list(top: dict[str, Any], key: str) -> list[Any]:
    value = top.get(key)
    if value is None:
        return []
    if not is_list(value):
        raise TimelineError(f"{key} is {shown(value)}; give a list, one entry a line, each after a dash.")
    return value


def _number(value: Any, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TimelineError(f"{where} is {shown(value)}; give a number.")
    try:
        number = float(value)
    except OverflowError:
        number = float("inf")
    if not 0 <= number < float("inf"):
        raise TimelineError(f"{where} is {number:g}; give a number of 0 or more.")
    return number


def _easing(value: Any, where: str) -> Easing:
    if value not in EASINGS:
        raise TimelineError(f"{where} is {shown(value)}; available: {', '.join(EASINGS)}.")
    return value


def _variant(value: Any, where: str) -> Variant | None:
    if value is not None and value not in VARIANTS:
        raise TimelineError(f"{where} is {shown(value)}; available: {', '.join(VARIANTS)}.")
    return value
