"""Every way to put an Action Unit on a photo that is compared: the default, its ablations, and baselines."""

from dataclasses import dataclass
from typing import Any, Literal

from facsmith.boundary import BoundarySet
from facsmith.facs import DISFA
from facsmith.lab.reproduce import sources
from facsmith.lab.reproduce.bench import Bench, fingerprint_of

__all__ = ["DEFAULT", "Method", "methods"]

DEFAULT = "default"


@dataclass(frozen=True, eq=False)
class Method:
    """One way to film a face.

    Parameters
    ----------
    what
        One sentence for readers.
    boundaries
        None for what needs no latent space: the muscles' warp.
    """

    key: str
    group: str
    what: str
    boundaries: BoundarySet | None
    mode: Literal["transfer", "paste", "crop"] = "transfer"
    entangled: bool = False
    personal: bool = True

    @property
    def settings(self) -> dict[str, Any]:
        """What its films follow from, besides the face."""
        boundaries = None if self.boundaries is None else fingerprint_of(self.boundaries)
        return {
            "boundaries": boundaries,
            "mode": self.mode,
            "entangled": self.entangled,
            "personal": self.personal,
        }

    @property
    def missing(self) -> tuple[int, ...]:
        """AUs without a boundary: asked for, nothing moves."""
        return () if self.boundaries is None else tuple(au for au in DISFA if au not in self.boundaries.aus)


def methods(bench: Bench) -> list[Method]:
    """The default first. Ablations change one thing of it each; what cannot be fitted here is left out."""
    own, plan = bench.networks.boundaries, bench.plan
    length = sources.step_length(own)
    known = [
        Method(DEFAULT, "facsmith", "the model's own boundaries, joint edit, calibrated, transfer into the photo", own),
        Method("paste", "compositing", "the generated face feathered into the photo", own, "paste"),
        Method("crop", "compositing", "the generator's own picture, as in the paper", own, "crop"),
        Method("plain sum", "decorrelation off", "the normals' sum, Eq. 3, not the joint edit", own, entangled=True),
        Method("same for all", "personal step off", "nobody's own strength is measured first", own, personal=False),
    ]
    moved, measured = sources.moved_samples(bench), sources.measured_samples(bench)
    if moved is not None:
        what = f"boundaries of {plan.people} samples moved by muscles instead of the model's"
        known.append(Method("moved samples", "boundary source", what, moved, personal=False))
    if measured is not None:
        what = f"boundaries of samples as they are ({plan.scored} looked at), their AUs measured"
        known.append(Method("measured samples", "boundary source", what, measured, personal=False))
    raw = sources.moved_samples(bench, raw=True)
    if raw is not None:
        what = "moved samples, but the SVMs' own normals, strangers against strangers, as in the paper; plain sum"
        known.append(Method("raw SVMs", "boundary source", what, raw, entangled=True, personal=False))
    what = "the photo moved by linear muscles, no latent space (the paper's 2.1)"
    known.append(Method("warp", "baseline", what, None))
    what, even = "one step length for all AUs and everybody", sources.uncalibrated(own, length)
    known.append(Method("uncalibrated", "baseline", what, even, personal=False))
    if raw is not None:
        what = "raw SVMs, each normal conditioned on all the others, one step length"
        found = sources.uncalibrated(sources.conditioned(raw), length)
        known.append(Method("InterFaceGAN-style", "baseline", what, found, entangled=True, personal=False))
        what = "raw SVMs (of moved samples, for DISFA), plain sum, one step length, the generator's own picture"
        found = sources.uncalibrated(raw, length)
        known.append(Method("as in the paper", "baseline", what, found, "crop", entangled=True, personal=False))
    return known
