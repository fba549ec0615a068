"""All visitors: who has which session, whose turn is over, and which file a download means."""

import re
import secrets
import shutil
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from tempfile import mkdtemp

from facsmith._types import Image
from facsmith.animator import Animator
from facsmith.errors import InputError
from facsmith.face import Face, FaceReader
from facsmith.studio.jobs import Line
from facsmith.studio.options import StudioOptions
from facsmith.studio.session import StudioSession

__all__ = ["Sessions"]


CLAIMED_IN = 3.0
"""Seconds that a page just opened takes at most to claim its session."""
Offer = Path | Callable[[], bytes]
"""A file that lies in the session's folder, or what makes its bytes when it is fetched."""


class Sessions:
    """Who has which `StudioSession`: a page claims one by a token that its browser keeps; a script has one while it is
    connected. Beyond ``max_sessions`` the longest unused one ends.
    """

    def __init__(self, animator: Animator, options: StudioOptions) -> None:
        self.animator = animator
        self.options = options
        self.faces = _OneAtATime(animator.networks.faces, options.animate.provider)
        animator.networks = replace(animator.networks, faces=self.faces)
        self.folder = Path(mkdtemp(prefix="facsmith-studio-"))
        self.searches, self.films = Line(20.0), Line(8.0)
        """Two lines, so that nobody's film keeps others from loading a face."""
        self._sessions: OrderedDict[str, StudioSession] = OrderedDict()
        self._tokens: dict[str, str] = {}
        self._timers: dict[str, threading.Timer] = {}
        self._offers: dict[str, tuple[StudioSession, str, Offer]] = {}
        self._lock = threading.Lock()

    def claim(self, visitor: str, token: object) -> tuple[str, StudioSession]:
        """The session that a page's token means, and the token: a new one where none, or no good one, was given."""
        if not isinstance(token, str) or not re.fullmatch(r"[\w-]{32,64}", token, re.ASCII):
            token = secrets.token_urlsafe(24)
        with self._lock:
            self._tokens[visitor] = token
        return token, self.get(visitor)

    def is_known(self, visitor: str) -> bool:
        """Whether the page has claimed its session, or does so in a moment: what is clicked at once comes before that.

        After this server was started anew, an open page has not, and has to be loaded anew.
        """
        until = time.monotonic() + CLAIMED_IN
        while visitor not in self._tokens and time.monotonic() < until:
            time.sleep(0.05)
        return visitor in self._tokens

    def get(self, visitor: str) -> StudioSession:
        """The visitor's own session.

        Parameters
        ----------
        visitor
            Any key; it names nothing on the disk.
        """
        leaving: list[StudioSession] = []
        with self._lock:
            token = self._tokens.get(visitor, visitor)
            if token in self._timers:
                self._timers.pop(token).cancel()
            if token not in self._sessions:
                folder = Path(mkdtemp(dir=self.folder))
                self._sessions[token] = StudioSession(self.animator, folder=folder, options=self.options)
            self._sessions.move_to_end(token)
            while len(self._sessions) > self.options.max_sessions:
                leaving.append(self._forget(next(iter(self._sessions))))
            session = self._sessions[token]
        for other in leaving:
            other.close()
        return session

    def leave(self, visitor: str) -> None:
        """The visitor is gone: a script's session ends, a page's once it has not come back for ``grace`` seconds."""
        with self._lock:
            token = self._tokens.pop(visitor, None)
            if token is not None and token not in self._tokens.values() and token in self._sessions:
                self._timers[token] = threading.Timer(self.options.grace, self.end, [token])
                self._timers[token].daemon = True
                self._timers[token].start()
        if token is None:
            self.end(visitor)

    def end(self, token: str) -> None:
        """Photo, face and files go."""
        with self._lock:
            session = self._forget(token) if token in self._sessions else None
        if session is not None:
            session.close()

    def forget(self, session: StudioSession) -> None:
        """End a session now, whoever has it."""
        for token in [token for token, known in self._sessions.items() if known is session]:
            self.end(token)

    def offer(self, session: StudioSession, file: Offer, name: str = "") -> str:
        """A token, hard to guess, by which a file of the session can be fetched while the session lasts."""
        token = secrets.token_urlsafe(24)
        if isinstance(file, Path):
            name = file.name
        with self._lock:
            inside = not isinstance(file, Path) or file.is_relative_to(session.folder)
            if session not in self._sessions.values() or not inside:
                raise InputError("This file belongs to no session that is open; make it again.")
            self._offers[token] = session, name, file
        return token

    def fetch(self, token: str) -> tuple[str, Offer] | None:
        """Name and file that a token means; None where there is none any more."""
        with self._lock:
            session, name, file = self._offers.get(token, (None, "", Path()))
        gone = session is None or (isinstance(file, Path) and not file.is_file())
        return None if gone else (name, file)

    def close(self) -> None:
        """End all sessions and remove their folder."""
        with self._lock:
            sessions = [self._forget(token) for token in list(self._sessions)]
        for session in sessions:
            session.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __len__(self) -> int:
        return len(self._sessions)

    def _forget(self, token: str) -> StudioSession:
        session = self._sessions.pop(token)
        if token in self._timers:
            self._timers.pop(token).cancel()
        self._offers = {key: offer for key, offer in self._offers.items() if offer[0] is not session}
        return session


class _OneAtATime:
    """Landmark libraries keep state while they look: one thread at a time.

    provider: takes the place of "auto", so that a studio told to work with dlib looks for nothing else.
    """

    def __init__(self, faces: FaceReader, provider: str) -> None:
        self._faces = faces
        self._provider = provider
        self.lock = threading.Lock()

    def find(self, image: Image, *, provider: str = "auto") -> list[Face]:
        with self.lock:
            return self._faces.find(image, provider=self._provider if provider == "auto" else provider)

    def follow(self, image: Image, face: Face) -> Face:
        with self.lock:
            return self._faces.follow(image, face)
