"""All visitors: who has which session, whose turn is over, and which file a download means."""

import secrets
import shutil
import threading
from collections import OrderedDict
from dataclasses import replace
from pathlib import Path
from tempfile import mkdtemp

from facsmith.animator import Animator
from facsmith.errors import InputError
from facsmith.face import Face, FaceReader
from facsmith.studio.options import StudioOptions
from facsmith.studio.session import StudioSession
from facsmith.subject import Image

__all__ = ["Sessions"]


class Sessions:
    """One `StudioSession` a visitor, made at the first call; beyond ``max_sessions`` the longest unused one ends."""

    def __init__(self, animator: Animator, options: StudioOptions) -> None:
        self.animator = animator
        self.options = options
        animator.networks = replace(
            animator.networks, faces=_OneAtATime(animator.networks.faces, options.animate.provider)
        )
        self.folder = Path(mkdtemp(prefix="facsmith-studio-"))
        self._sessions: OrderedDict[str, StudioSession] = OrderedDict()
        self._offers: dict[str, Path] = {}
        self._lock = threading.Lock()

    def get(self, visitor: str) -> StudioSession:
        """The visitor's own session. visitor: any key; it names nothing on the disk."""
        leaving: list[StudioSession] = []
        with self._lock:
            if visitor not in self._sessions:
                folder = Path(mkdtemp(dir=self.folder))
                self._sessions[visitor] = StudioSession(self.animator, folder=folder, options=self.options)
            self._sessions.move_to_end(visitor)
            while len(self._sessions) > self.options.max_sessions:
                leaving.append(self._forget(next(iter(self._sessions))))
            session = self._sessions[visitor]
        for other in leaving:
            other.close()
        return session

    def end(self, visitor: str) -> None:
        """The visitor left: photo, face and files go."""
        with self._lock:
            session = self._forget(visitor) if visitor in self._sessions else None
        if session is not None:
            session.close()

    def offer(self, session: StudioSession, path: Path) -> str:
        """A token, hard to guess, by which a file of the session can be fetched while the session lasts."""
        token = secrets.token_urlsafe(24)
        with self._lock:
            if session not in self._sessions.values() or not path.is_relative_to(session.folder):
                raise InputError("This file belongs to no session that is open; make it again.")
            self._offers[token] = path
        return token

    def fetch(self, token: str) -> Path | None:
        """The file that a token means; None where there is none any more."""
        with self._lock:
            path = self._offers.get(token)
        return path if path is not None and path.is_file() else None

    def close(self) -> None:
        """End all sessions and remove their folder."""
        with self._lock:
            sessions = [self._forget(visitor) for visitor in list(self._sessions)]
        for session in sessions:
            session.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __len__(self) -> int:
        return len(self._sessions)

    def _forget(self, visitor: str) -> StudioSession:
        session = self._sessions.pop(visitor)
        self._offers = {token: path for token, path in self._offers.items() if not path.is_relative_to(session.folder)}
        return session


class _OneAtATime:
    """Landmark libraries keep state while they look: one thread at a time.

    provider: takes the place of "auto", so that a studio told to work with dlib looks for nothing else.
    """

    def __init__(self, faces: FaceReader, provider: str) -> None:
        self._faces = faces
        self._provider = provider
        self._lock = threading.Lock()

    def find(self, image: Image, *, provider: str = "auto") -> list[Face]:
        with self._lock:
            return self._faces.find(image, provider=self._provider if provider == "auto" else provider)

    def follow(self, image: Image, face: Face) -> Face:
        with self._lock:
            return self._faces.follow(image, face)
