"""What a build came to: the model's card, and the verdict in a sentence or two."""

from collections.abc import Mapping
from typing import Any, Final

from facsmith import __version__
from facsmith.bundle import seal
from facsmith.facs import DISFA
from facsmith.lab.build.bench import Bench
from facsmith.lab.build.record import Record

__all__ = ["seal_model", "verdict"]

_UNSAID: Final = "as the generator's, which its file does not say"


def seal_model(bench: Bench) -> dict[str, Any]:
    """Hash the model's files and write its card, with what is known so far."""
    seal(bench.folder, _card(bench.record))
    return {}


def verdict(done: Mapping[str, Mapping[str, Any]]) -> str:
    """What a build came to, said plainly."""
    fitted, checked = done["boundaries"], done["check"]
    total = len(DISFA)
    on = f"{checked['photos']} portrait{'s' if checked['photos'] != 1 else ''}"
    if not checked["portraits"]:
        on = "NASA's portrait" + (f" and {checked['photos'] - 1} of its own faces" if checked["photos"] > 1 else "")
    sentences = [f"Films pass the check for {len(checked['passed'])} of {total} AUs on {on}."]
    if checked["failed"]:
        sentences.append(f"{', '.join(checked['failed'])} fail{'s' if len(checked['failed']) == 1 else ''}.")
    shown = [au for au in fitted["latent"] if au not in fitted["weak"]]
    sentences.append(
        f"The generator itself shows {len(shown)} of {total} ({', '.join(shown) or 'none'}) on its own faces."
    )
    named = {**fitted["muscles"], **fitted["weak"]}
    if named:
        reasons = "; ".join(f"{au} {why}" for au, why in named.items())
        sentences.append(f"The rest is moved by the muscles alone: {reasons}.")
    if "note" in done["encoder"]:
        sentences.append(done["encoder"]["note"])
    return " ".join(sentences)


def _card(record: Record) -> dict[str, Any]:
    read, fitted = record.numbers("read", "metadata"), record["boundaries"]
    encoder, searched = record["encoder"], record["search"]
    card: dict[str, Any] = {
        "version": 1,
        "made_by": f"facsmith {__version__}, models build",
        "licence": read.get("licence", _UNSAID),
        "generator": {key: read[key] for key in ("title", "source", "source_sha256", "format", "url") if key in read},
        "framing": record["framing"]["card"],
        "descriptor": record["descriptor"]["name"],
        "encoder": f"{encoder['steps']} steps on the generator's own pictures, {encoder['seconds'] / 60:.0f} minutes",
        "boundaries": f"moves searched from the known codes of {searched['faces']} of the generator's own faces, moved "
        f"by muscles; chosen and calibrated on {sum(fitted['judges'])} others",
        "ways": fitted["ways"],
        "shown_by_the_generator": fitted["shown"],
        "left_to_muscles": fitted["muscles"],
    }
    if "check" in record:
        checked = record["check"]
        card["check"] = {key: checked[key] for key in ("photos", "portraits", "passed", "failed")}
    return card
