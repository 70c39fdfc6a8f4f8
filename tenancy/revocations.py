"""What the door must refuse although a token's signature holds: few entries, however many runs have ended."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Text, cast, or_, select

from atrium.clock import now
from atrium.database import reading
from tenancy.models import Audience, MemberRow, TokenRow, UserRow

RUN_PREFIX = "run-"
MINUTE = "%Y%m%d%H%M"
LENGTHS = (8, 10, 12)  # of a day, an hour and a minute as MINUTE writes them
OPEN = timedelta(minutes=2)  # younger minutes may still get tokens, also from a machine whose clock is a little behind


@dataclass(frozen=True)
class Revocations:
    """Tokens by id; beginnings of ids under which no token is left that holds; and `(owner, project)` that was left."""

    tokens: frozenset[str]
    beginnings: frozenset[str]
    left: frozenset[tuple[str, str]]


def run_token_beginning(moment: datetime) -> str:
    """How the ids of the run tokens of this minute begin, so that a minute, an hour or a day of ended runs is one entry."""
    return f"{RUN_PREFIX}{moment.strftime(MINUTE)}"


def _beginnings(ended: Iterable[str], live: Iterable[str], open_: str) -> dict[str, str]:
    """For each ended id the longest span of time, as a beginning, in which nothing is live and nothing new can come."""
    start = len(RUN_PREFIX)
    kept = {one[: start + length] for one in live for length in LENGTHS}
    found = {}
    for one in ended:
        for length in LENGTHS:
            beginning = one[: start + length]
            if beginning < open_[: start + length] and beginning not in kept:
                found[one] = beginning
                break
    return found


def revocations() -> Revocations:
    """What the door must refuse now, of the tokens that have not expired; reads only what is revoked or shared by many."""
    moment = now()
    held = select(TokenRow).join(UserRow, UserRow.name == TokenRow.owner).where(TokenRow.expires_at > moment)
    live = TokenRow.revoked_at.is_(None) & UserRow.active
    is_run = TokenRow.audience == Audience.RUN
    with reading() as session:
        ended = set(
            session.scalars(
                held.with_only_columns(TokenRow.id).where(or_(TokenRow.revoked_at.is_not(None), ~UserRow.active))
            )
        )
        runs = session.scalars(held.with_only_columns(TokenRow.id).where(live, is_run)).all()
        pairs = held.with_only_columns(TokenRow.owner, cast(TokenRow.projects, Text)).distinct()
        used = session.execute(pairs.where(live, ~UserRow.administrator)).all()
        members = {(user, project) for user, project in session.execute(select(MemberRow.user, MemberRow.project))}
    gone = (one for one in ended if one.startswith(RUN_PREFIX))
    beginnings = _beginnings(gone, runs, run_token_beginning(moment - OPEN))
    left = {(owner, project) for owner, projects in used for project in json.loads(projects)} - members
    return Revocations(frozenset(ended - beginnings.keys()), frozenset(beginnings.values()), frozenset(left))
