"""Rows at any rate -> curves at the film's rate, in memory that depends on the film's length alone."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from facsmith._types import Array
from facsmith.errors import TimelineError
from facsmith.timeline import MAX_SECONDS, Samples, Sides, Timeline, Track
from facsmith.tracks.options import OneEuro

__all__ = ["Resampler", "from_rest", "one_euro", "to_timeline"]


_CHUNK = 4096
_REST, _ENOUGH = 0.1, 25
_RAISED, _NO_ROOM = 0.05, 0.05
_SHORTEST_GAP = 0.2
"""Seconds: rows missing for longer, and for three times as long as they usually are apart, are a gap."""


class Resampler:
    """Takes rows as they come; those that fall into one frame are averaged, between others lines are drawn.

    Parameters
    ----------
    channels
        Numbers per row.
    """

    def __init__(self, channels: int, fps: float) -> None:
        self._channels = channels
        self._fps = fps
        self._times: list[float] = []
        self._rows: list[Sequence[float]] = []
        self._bins: list[tuple[npt.NDArray[np.int64], Array]] = []
        self.rows = 0
        self.last = 0.0
        """Seconds of the last row."""

    def add(self, seconds: float, row: Sequence[float]) -> None:
        """Add a row of the recording.

        Parameters
        ----------
        seconds
            Growing, from 0 on.
        row
            ``channels`` finite numbers.
        """
        self._times.append(seconds)
        self._rows.append(row)
        self.rows += 1
        self.last = seconds
        if len(self._times) == _CHUNK:
            self._flush()

    def points(self) -> tuple[Array, Array]:
        """Mean seconds (N,), growing, and mean rows (N, channels), one for each frame that has rows."""
        self._flush()
        if not self._bins:
            return np.zeros(0), np.zeros((0, self._channels))
        frames, sums = (np.concatenate(parts) for parts in zip(*self._bins, strict=True))
        _, sums = _grouped(frames, sums)
        means = sums[:, 1:] / sums[:, :1]
        return means[:, 0], means[:, 1:]

    def _flush(self) -> None:
        if not self._times:
            return
        times = np.array(self._times)
        data = np.column_stack([np.ones(len(times)), times, np.array(self._rows, np.float64)])
        self._bins.append(_grouped(np.rint(times * self._fps).astype(np.int64), data))
        self._times, self._rows = [], []


def to_timeline(
    seconds: Array,
    values: Array,
    channels: Sequence[tuple[int, Sides | None]],
    *,
    fps: float,
    until: float = 0.0,
    smoothing: OneEuro | None = None,
    notes: Sequence[str] = (),
) -> Timeline:
    """Curves of (AU, side) channels, sampled at fps.

    Gaps are bridged by straight lines and noted.

    Parameters
    ----------
    seconds
        (N,), growing.
    values
        (N, channels), clipped to [0, 1].
    until
        Seconds that it lasts at least.

    Raises
    ------
    TimelineError
        Fewer than two rows, or more than an hour.
    """
    if len(seconds) < 2:
        raise TimelineError(f"it holds {len(seconds)} usable row(s); a track needs two or more.")
    until = max(until, float(seconds[-1]))
    if until > MAX_SECONDS:
        raise TimelineError(f"it lasts {until:.0f} s; at most {MAX_SECONDS:g} s are read. Take a part of it.")
    grid = Timeline(minimum_duration=until).frame_times(fps)
    curves = np.zeros((len(grid), len(channels)))
    for index in range(len(channels)):
        curves[:, index] = np.interp(grid, seconds, values[:, index])
    outside = float(np.mean((values < 0) | (values > 1)))
    if smoothing is not None:
        curves = one_euro(curves, fps, smoothing)
    curves = np.clip(curves, 0.0, 1.0)
    tracks: dict[Sides | None, dict[int, Track]] = {None: {}, "left": {}, "right": {}}
    for (au, side), curve in zip(channels, curves.T, strict=True):
        tracks[side][au] = Samples(grid, curve)
    said = [*notes, *_gaps(seconds)]
    if outside > 0:
        said.append(f"{outside:.1%} of the track's numbers lie outside the scale and are cut off at its ends.")
    return Timeline(tracks[None], until, left=tracks["left"], right=tracks["right"], notes=tuple(said))


def from_rest(values: Array, aus: Sequence[int]) -> tuple[Array, str]:
    """Probabilities, which never rest, counted from the person's own low quantile: that is rest, 1 stays 1.

    Parameters
    ----------
    values
        (N, channels), one row a moment.
    aus
        AU of each channel.

    Returns
    -------
    ndarray
        (N, channels).
    str
        What was done, in words.
    """
    if len(values) < _ENOUGH:
        return (
            values,
            f"With fewer than {_ENOUGH} moments it cannot be told what is rest: probabilities stay as they are.",
        )
    rest = np.clip(np.quantile(values, _REST, axis=0), 0.0, 1.0)  # (channels,)
    room = 1.0 - rest
    counted = np.where(room > _NO_ROOM, (values - rest) / np.maximum(room, _NO_ROOM), 0.0)
    raised = [f"AU{au} {r:.2f}" for au, r in zip(aus, rest.tolist(), strict=True) if r >= _RAISED and au > 0]
    shown = f" ({', '.join(raised)})" if raised else ""
    return np.clip(counted, 0.0, 1.0), (
        f"Probabilities never rest, so each AU is counted from its own lowest {_REST:.0%}{shown}, taken as rest."
    )


def one_euro(curves: Array, fps: float, options: OneEuro) -> Array:
    """Curves (T, C) filtered by the One-Euro filter.

    Parameters
    ----------
    curves
        (T, C), one row a frame.
    """
    out = np.empty_like(curves)
    if len(curves) == 0:
        return out
    out[0], speed = curves[0], np.zeros(curves.shape[1])
    slow = _weight(np.float64(options.speed_cutoff), fps)
    for t in range(1, len(curves)):
        speed = speed + slow * ((curves[t] - curves[t - 1]) * fps - speed)
        weight = _weight(options.min_cutoff + options.beta * np.abs(speed), fps)
        out[t] = out[t - 1] + weight * (curves[t] - out[t - 1])
    return out


def _weight(cutoff: npt.NDArray[np.float64] | np.float64, fps: float) -> Array:
    """Of the new value in a first-order low pass."""
    step = 2 * np.pi * cutoff / fps
    return np.asarray(step / (step + 1))


def _grouped(frames: npt.NDArray[np.int64], data: Array) -> tuple[npt.NDArray[np.int64], Array]:
    """Sums of the rows of equal frames; frames are sorted."""
    first = np.flatnonzero(np.diff(frames, prepend=frames[0] - 1))
    return frames[first], np.add.reduceat(data, first, axis=0)


def _gaps(seconds: Array) -> list[str]:
    steps = np.diff(seconds)
    gaps = steps > max(_SHORTEST_GAP, 3 * float(np.median(steps)))
    notes: list[str] = []
    if seconds[0] > _SHORTEST_GAP:
        notes.append(f"The track begins {seconds[0]:.2f} s late; its first row is held before.")
    if gaps.any():
        longest = int(np.argmax(steps))
        notes.append(
            f"The track has {int(gaps.sum())} gap(s), the longest {steps[longest]:.2f} s from {seconds[longest]:.2f} s "
            "on; they are bridged by straight lines."
        )
    return notes
