"""Signed manifests (C2PA) in pictures and films, by c2pa-python: who made them, with what, from what was asked.

Nothing is signed unless it is asked for. Needs the extra ``signed``.
"""

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

from facsmith import __version__, _optional
from facsmith._files import atomic_path
from facsmith.errors import InputError, OutputError

__all__ = ["Credentials", "Verdict", "sign", "verify"]

_LARGEST_PEM = 1 << 20
_SELF_SIGNED = "Self-signed by facsmith"
_TYPES = {
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".webp": "image/webp",
    ".tif": "image/tiff",
    ".tiff": "image/tiff",
    ".gif": "image/gif",
    ".mp4": "video/mp4",
}


@dataclass(frozen=True)
class Credentials:
    """What to sign with.

    Parameters
    ----------
    chain
        Certificates in PEM, the signer's first.
    key
        The signer's private key in PEM.
    algorithm
        C2PA's name of the signature's algorithm.
    made_here
        It was made by `self_signed`.
    """

    chain: bytes
    key: bytes = field(repr=False)
    algorithm: str
    made_here: bool = False

    @property
    def identity(self) -> str:
        """Who signs, as a hash of the chain; all that are `self_signed` are one."""
        return "self-signed" if self.made_here else hashlib.sha256(self.chain).hexdigest()

    @classmethod
    def read(cls, certificates: str | os.PathLike[str], key: str | os.PathLike[str]) -> "Credentials":
        """Read the signer's certificates and key from two PEM files.

        Raises
        ------
        InputError
            A file cannot be read, the key is encrypted or of another certificate, or a certificate is expired.
        """
        _c2pa()
        from cryptography import x509
        from cryptography.hazmat.primitives.serialization import load_pem_private_key

        chain_pem, key_pem = _pem(certificates, "certificate"), _pem(key, "private key")
        try:
            chain = x509.load_pem_x509_certificates(chain_pem)
        except ValueError as error:
            raise InputError(
                f"{certificates} holds no certificate in PEM. Give the chain, the signer's first."
            ) from error
        try:
            private: Any = load_pem_private_key(key_pem, None)
        except (ValueError, TypeError) as error:
            raise InputError(
                f"{key} holds no unencrypted private key in PEM. Give one (openssl pkcs8 -nodes)."
            ) from error
        if private.public_key() != chain[0].public_key():
            raise InputError(f"The key {key} is not that of the first certificate in {certificates}. Give its own key.")
        if not chain[0].not_valid_before_utc <= datetime.now(UTC) <= chain[0].not_valid_after_utc:
            raise InputError(
                f"The certificate {certificates} is valid from {chain[0].not_valid_before_utc:%Y-%m-%d} to "
                f"{chain[0].not_valid_after_utc:%Y-%m-%d}, not today. Give one that is."
            )
        return cls(chain_pem, key_pem, _algorithm(private))

    @classmethod
    def self_signed(cls) -> "Credentials":
        """A certificate made on the spot, whose name says that nobody vouches for it; its key is kept nowhere.

        C2PA refuses a certificate that signs itself, so a root made beside it signs it, and is forgotten as well.
        """
        _c2pa()
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import ec
        from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
        from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

        def name(text: str) -> x509.Name:
            parts = ((NameOID.COMMON_NAME, text), (NameOID.ORGANIZATION_NAME, _SELF_SIGNED))
            return x509.Name([x509.NameAttribute(oid, value) for oid, value in parts])

        def usage(*, signer: bool) -> x509.KeyUsage:
            return x509.KeyUsage(signer, False, False, False, False, not signer, not signer, False, False)

        now = datetime.now(UTC)
        root, own = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
        certificates: list[x509.Certificate] = []
        for subject, public, signer in (
            (name("Root, self-signed"), root, False),
            (name("Signer, self-signed"), own, True),
        ):
            builder = (
                x509.CertificateBuilder()
                .subject_name(subject)
                .issuer_name(name("Root, self-signed"))
                .public_key(public.public_key())
                .serial_number(x509.random_serial_number())
                .not_valid_before(now - timedelta(hours=1))
                .not_valid_after(now + timedelta(days=3650))
                .add_extension(x509.BasicConstraints(ca=not signer, path_length=None), critical=True)
                .add_extension(usage(signer=signer), critical=True)
                .add_extension(x509.SubjectKeyIdentifier.from_public_key(public.public_key()), critical=False)
                .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(root.public_key()), critical=False)
            )
            if signer:
                mail = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION])
                builder = builder.add_extension(mail, critical=False)
            certificates.insert(0, builder.sign(root, hashes.SHA256()))
        chain = b"".join(certificate.public_bytes(Encoding.PEM) for certificate in certificates)
        key = own.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        return cls(chain, key, "es256", made_here=True)


@dataclass(frozen=True)
class Verdict:
    """What a file's manifest says, and whether it holds.

    Parameters
    ----------
    intact
        Every byte is as it was signed.
    trusted
        The signer's certificate is one that this machine's settings trust.
    signer
        Who signed.
    self_signed
        The certificate is one of `Credentials.self_signed`.
    problems
        C2PA's codes, with what they mean.
    manifest
        The manifest's assertions, label -> data.
    """

    intact: bool
    trusted: bool
    signer: str
    self_signed: bool
    problems: tuple[str, ...]
    manifest: Mapping[str, Any]


def sign(path: str | os.PathLike[str], credentials: Credentials, *, source_type: str, asked: Mapping[str, Any]) -> None:
    """Put a signed manifest into a picture or film; of a folder of PNGs, into each.

    Parameters
    ----------
    source_type
        IPTC's digital source type, a URI.
    asked
        What was asked and of which model, as JSON can hold it.

    Raises
    ------
    InputError
        A container that holds no manifest, or the extra is not installed.
    OutputError
        The certificate is refused (C2PA wants one for signing, e.g. with the purpose emailProtection), or the file
        cannot be written.
    """
    c2pa = _c2pa()
    file = Path(path)
    if file.is_dir():
        for frame in sorted(file.glob("frame_*.png")):
            sign(frame, credentials, source_type=source_type, asked=asked)
        return
    kind = _type(file)
    created = {"action": "c2pa.created", "digitalSourceType": source_type}
    manifest = {
        "claim_generator_info": [{"name": "facsmith", "version": __version__}],
        "title": file.name,
        "assertions": [
            {"label": "c2pa.actions.v2", "data": {"actions": [created]}},
            {"label": "org.facsmith.request", "data": dict(asked)},
        ],
    }
    info = c2pa.C2paSignerInfo(
        alg=credentials.algorithm.encode(), sign_cert=credentials.chain, private_key=credentials.key, ta_url=None
    )
    try:
        with (
            atomic_path(file) as temporary,
            open(file, "rb") as source,
            open(temporary, "w+b") as into,
            c2pa.Signer.from_info(info) as signer,
            c2pa.Builder(json.dumps(manifest)) as builder,
        ):
            builder.sign(signer, kind, source, into)
    except c2pa.C2paError as error:
        raise OutputError(
            f"{file} could not be signed ({error}); it stays unsigned. Give a certificate made for signing content."
        ) from error


def verify(path: str | os.PathLike[str]) -> Verdict | None:
    """What the manifest of a file says and whether it holds; None where it has none.

    Raises
    ------
    InputError
        No such file, or the extra is not installed.
    """
    c2pa = _c2pa()
    file = Path(path)
    try:
        with open(file, "rb") as stream, c2pa.Reader(_type(file), stream) as reader:
            store: dict[str, Any] = json.loads(reader.json())
            state = str(reader.get_validation_state())
    except OSError as error:
        raise InputError(f"Could not read {path}: {error.strerror or error}. Check the path.") from error
    except c2pa.C2paError as error:
        if "ManifestNotFound" in f"{type(error).__name__} {error}":
            return None
        return Verdict(False, False, "unknown", False, (f"the manifest cannot be read: {error}",), {})
    active: dict[str, Any] = store.get("manifests", {}).get(store.get("active_manifest"), {})
    signature: dict[str, Any] = active.get("signature_info", {})
    issuer = str(signature.get("issuer", "unknown"))
    problems = tuple(f"{s.get('code')}: {s.get('explanation', '')}" for s in store.get("validation_status", []))
    manifest = {str(a["label"]): a.get("data") for a in cast(list[dict[str, Any]], active.get("assertions", []))}
    return Verdict(
        state in ("Valid", "Trusted"), state == "Trusted", issuer, issuer == _SELF_SIGNED, problems, manifest
    )


def _type(file: Path) -> str:
    kind = _TYPES.get(file.suffix.lower())
    if kind is None:
        raise InputError(f"{file} can hold no signed manifest here; give one of {', '.join(_TYPES)}.")
    return kind


def _algorithm(key: Any) -> str:
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

    if isinstance(key, ec.EllipticCurvePrivateKey) and key.curve.key_size in (256, 384, 521):
        return {256: "es256", 384: "es384", 521: "es512"}[key.curve.key_size]
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return "ed25519"
    if isinstance(key, rsa.RSAPrivateKey) and key.key_size >= 2048:
        return "ps256"
    raise InputError(
        "C2PA knows keys of P-256, P-384, P-521, Ed25519, and RSA of 2048 bits or more. Give one of these."
    )


def _pem(path: str | os.PathLike[str], what: str) -> bytes:
    try:
        with open(path, "rb") as file:
            data = file.read(_LARGEST_PEM + 1)
    except OSError as error:
        raise InputError(f"Could not read the {what} {path}: {error.strerror or error}. Check the path.") from error
    if len(data) > _LARGEST_PEM:
        raise InputError(f"{path} is larger than a {what} can be. Give a file in PEM.")
    return data


def _c2pa() -> Any:
    _optional.load("cryptography")
    return _optional.load("c2pa")
