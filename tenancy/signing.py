"""Signed texts (JWT, ES256, RFC 7519): one key, each text good for one audience; the door holds the public key."""

import time
from collections.abc import Collection, Mapping
from functools import lru_cache

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from atrium.errors import NotSignedIn
from atrium.keys import key
from tenancy.models import Audience

ISSUER = "atrium"
KEY = "signing.pem"


@lru_cache
def _signing_key() -> ECKey:
    return ECKey.import_key(key(KEY))


def signer() -> str:
    """Names the key, the same in every replica of a platform."""
    return str(_signing_key().thumbprint())


def jwks() -> dict[str, object]:
    """The public key as a JSON Web Key Set, for the door."""
    public = _signing_key().as_dict(private=False)
    return {"keys": [dict(public) | {"use": "sig", "alg": "ES256", "kid": _signing_key().thumbprint()}]}


def sign(audience: Audience, subject: str, identifier: str, seconds: float, claims: Mapping[str, object]) -> str:
    """A text that says `subject` may use it for `audience` for `seconds`; `identifier` (jti) is how it is revoked."""
    moment = int(time.time())
    payload = {"iss": ISSUER, "aud": audience.value, "sub": subject, "jti": identifier, "iat": moment,
               "exp": moment + int(seconds), **claims}  # fmt: skip
    header = {"alg": "ES256", "kid": _signing_key().thumbprint()}
    return jwt.encode(header, payload, _signing_key(), algorithms=["ES256"])


def verify(text: str, audiences: Collection[Audience]) -> dict[str, object]:
    """The claims of a signed text that is good for one of `audiences`.

    Raises:
        NotSignedIn: wrong signature, issuer or audience, expired, or without an expiry.
    """
    registry = jwt.JWTClaimsRegistry(
        iss={"essential": True, "value": ISSUER},
        exp={"essential": True},
        sub={"essential": True},
        jti={"essential": True},
        aud={"essential": True, "values": [audience.value for audience in audiences]},
    )
    try:
        token = jwt.decode(text, _signing_key(), algorithms=["ES256"])
        registry.validate(token.claims)
    except (JoseError, ValueError, TypeError) as error:
        raise NotSignedIn(
            f"a token or session that is not valid ({type(error).__name__})",
            "it must be signed here, made for this use, and not expired",
            "sign in again, or create a new token under Settings, Tokens",
        ) from None
    return dict(token.claims)
