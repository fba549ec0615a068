"""A visitor's work as one file: photo, its faces' poses, seconds and codes, the track, to be opened again."""

import io
import json
import zipfile
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

from facsmith._json import parse_json
from facsmith.errors import InputError, LatentError
from facsmith.options import Progress
from facsmith.studio.edited_film import await_film
from facsmith.studio.messages import field, turn
from facsmith.studio.phases import Score
from facsmith.studio.pose import Moment, Pose
from facsmith.studio.session import StudioSession

__all__ = ["ENDING", "open_project", "restore_page", "save_project"]

ENDING = ".facsmith"
MOST_FACES = 32
"""Faces of a photo whose poses and codes are saved."""
_WORDS, _LATENT, _TRACK = "project.json", "face.safetensors", "track.yaml"
_OTHERS = [f"face{index}.safetensors" for index in range(MOST_FACES)]
_MOST = {_WORDS: 1 << 20, _LATENT: 8 << 20, _TRACK: 12 << 20, **dict.fromkeys(_OTHERS, 1 << 20)}


def save_project(session: StudioSession) -> bytes:
    """A zip file's bytes. A face's code is in it once the whole search has found it; of a film, name and signature.

    Raises
    ------
    PhotoError
        There is no face yet.
    """
    subject = session.scene_or_raise().subject
    origin = dict(session.origin)
    photo = origin.pop("photo", None)
    others = {index: face for index, face in session.cast.items() if index < MOST_FACES}
    words = {
        "made_by": "facsmith studio", "version": 1, "name": subject.name, "face": subject.face_index, **origin,
        **session.moment.to_json(), "turn": session.turn,
        "others": {index: moment.to_json() for index, (_, moment) in others.items()},
        "together": sorted(session.together), "film": [session.footage_name, session.footage_hash],
        "strength": session.strength, "track": session.track_name if session.track is not None else None,
        "chosen": session.chosen,
    }  # fmt: skip
    files: dict[str, bytes] = {_WORDS: json.dumps(words, indent=1).encode()}
    if photo is not None:
        files["photo"] = photo
    made = {_TRACK: None if session.track is None else session.track.to_yaml}
    for name, face in {
        _LATENT: subject,
        **{_OTHERS[index]: scene.subject for index, (scene, _) in others.items()},
    }.items():
        if face.inversion is None or face.inversion.iterations[0] > 0:
            made[name] = face.latent.save
    for name, save in made.items():
        if save is not None:
            with session.scratch(name) as path:
                save(path)
                files[name] = path.read_bytes()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def open_project(session: StudioSession, data: bytes, progress: Progress) -> None:
    """Take what `save_project` wrote; where the search had not ended then, it is made now.

    Raises
    ------
    InputError
        It is no project, or a damaged one.
    PhotoError
        Its photo cannot be used.
    LatentError
        Its code cannot be used.
    TimelineError
        Its film cannot be used.
    """
    files = _read(data, session.options.max_bytes)
    try:
        words: Any = parse_json(files.get(_WORDS, b""))
        index = int(field(words, "face"))
        here, chosen = Moment.from_json(words), set(field(words, "chosen"))
        others = {int(at): Moment.from_json(moment) for at, moment in words.get("others", {}).items()}
        together, strength = {int(at) for at in words.get("together", ())}, float(words.get("strength", 1.0))
        film, signature = map(str, words.get("film", ("", "")))
        newest = max(session.turn + 1, turn(words))
        if "photo" in files:
            session.load_photo(files["photo"], name=str(field(words, "name")))
        elif "seed" in words:
            session.new_face(int(words["seed"]) % (1 << 31))
        elif session.load_sample(str(field(words, "sample"))) is None:
            files.pop(_LATENT, None)
    except (ValueError, TypeError, AttributeError, OverflowError) as error:
        raise InputError("This is no project of the studio, or a damaged one; open the file that was saved.") from error
    session.unload_track()
    known = {
        at: moment for at, moment in others.items() if 0 <= at < min(len(session.faces), MOST_FACES) and at != index
    }
    for at, moment in {**known, index: here}.items():  # the one that was worked on last
        if session.origin.get("seed") is None:
            _open_face(session, files.get(_LATENT if at == index else _OTHERS[at]), at, progress)
        session.resume(moment)
    session.turn = newest  # what the page moved since it was saved is newer
    session.move_together(together)
    session.choose(chosen)
    session.strength = min(1.0, max(0.0, strength))
    if signature:
        await_film(session, film, signature)
    if _TRACK in files:
        session.load_track(files[_TRACK], name=f"{Path(str(words.get('track') or 'track')).stem}.yaml")


def _open_face(session: StudioSession, code: bytes | None, index: int, progress: Progress) -> None:
    if code is not None:
        with suppress(LatentError):  # of another model, from before an update
            session.load_code(code, index, progress)
            return
    session.open_face(index, progress)


def restore_page(session: StudioSession, kept: Any) -> None:
    """What the page itself remembers and never arrived here: sliders moved and seconds changed while it was alone."""
    pose, rows = (cast("dict[str, Any]", kept).get(name) for name in ("pose", "rows"))
    if session.scene is None or pose is None:
        return
    moved = turn(pose)
    if moved > session.turn and session.is_newest(moved):
        session.settle(Pose.from_json(pose))
    if rows:
        session.time(Score.from_json(rows))


def _read(data: bytes, max_bytes: int) -> dict[str, bytes]:
    """Name -> bytes of the files that a project has, each no longer than it may be."""
    files: dict[str, bytes] = {}
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = set(archive.namelist())
            for name, most in {**_MOST, "photo": max_bytes}.items():
                if name in names:
                    with archive.open(name) as file:
                        files[name] = file.read(most + 1)
                    if len(files[name]) > most:
                        raise InputError(
                            f"The {name} of this project is larger than the {most / 1e6:.0f} MB taken here."
                        )
    except (zipfile.BadZipFile, zipfile.LargeZipFile, RuntimeError, NotImplementedError, OSError, EOFError) as error:
        raise InputError("This is no project of the studio, or a damaged one; open the file that was saved.") from error
    return files
