"""``--sign CERT --key KEY``: checked before long work, applied to what was written."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from facsmith.errors import InputError

if TYPE_CHECKING:
    from facsmith.signing import Credentials

__all__ = ["KeyOption", "SignOption", "credentials", "sign_output"]

_SELF = "self"

SignOption = Annotated[
    str | None,
    typer.Option(
        "--sign",
        metavar="CERT",
        help="Sign the result (C2PA): a chain of certificates in PEM, or `self`: one made on the spot, which says so.",
        show_default="unsigned",
    ),
]
KeyOption = Annotated[Path | None, typer.Option("--key", metavar="KEY", help="The certificate's private key in PEM.")]


def credentials(sign: str | None, key: Path | None) -> "Credentials | None":
    """What to sign with; None where nothing is signed.

    Raises
    ------
    InputError
        One of the two options without the other, or files that do not fit.
    """
    if sign is None:
        if key is not None:
            raise InputError("--key was given without --sign. Give the certificate too: --sign CERT --key KEY.")
        return None
    from facsmith.signing import Credentials

    if sign == _SELF:
        if key is not None:
            raise InputError("--sign self makes its own key. Leave --key out, or give the certificate's file.")
        return Credentials.self_signed()
    if key is None:
        raise InputError(f"--sign {sign} was given without its private key. Give it: --key KEY.")
    return Credentials.read(sign, key)


def sign_output(output: Path, by: "Credentials | None", *, source_type: str, asked: Mapping[str, Any]) -> None:
    """Sign what was written, where that was asked for."""
    if by is not None:
        from facsmith.signing import sign

        sign(output, by, source_type=source_type, asked=asked)
