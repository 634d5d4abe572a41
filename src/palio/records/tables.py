"""The tables of a validator's database, portable between SQLite and PostgreSQL.

Private to this room: others get the frozen rows of ``palio.records.rows``. A change
here needs a migration beside it (``migrations/versions``); a test compares the two.
"""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    DateTime,
    Dialect,
    Double,
    ForeignKey,
    Integer,
    MetaData,
    String,
    Text,
    UniqueConstraint,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship
from sqlalchemy.types import TypeDecorator


class UtcTime(TypeDecorator[datetime]):
    """An aware time, kept in UTC; SQLite itself would give it back without its zone."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"a time in the records needs a zone: {value!r}")
        utc = value.astimezone(UTC)
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if dialect.name == "sqlite" else value.astimezone(UTC)


#: SQLite numbers rows by itself only where the type is called INTEGER.
Key = BigInteger().with_variant(Integer(), "sqlite")


class Base(DeclarativeBase):
    """Base of all tables; constraints have names, so that migrations can refer to them."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {  # noqa: RUF012 - SQLAlchemy's own
        datetime: UtcTime,
        float: Double,
        str: Text,
        dict[str, Any]: JSON(none_as_null=True),
    }


class SubmissionTable(Base):
    """A commitment seen on the ledger, and what became of it."""

    __tablename__ = "submissions"

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    commitment: Mapped[str] = mapped_column(String(64), unique=True)
    line: Mapped[str]
    participant: Mapped[str] = mapped_column(index=True)
    block: Mapped[int] = mapped_column(BigInteger)
    sequence: Mapped[int] = mapped_column(BigInteger)
    competition_id: Mapped[str | None] = mapped_column(index=True)
    namespace: Mapped[str | None]
    name: Mapped[str | None]
    commit: Mapped[str | None]
    secure_hash: Mapped[str | None]
    content_digest: Mapped[str | None] = mapped_column(String(64), index=True)
    weights_digest: Mapped[str | None] = mapped_column(String(64))
    state: Mapped[str] = mapped_column(String(16))
    code: Mapped[str | None]
    message: Mapped[str | None]
    hint: Mapped[str | None]
    evidence: Mapped[dict[str, Any] | None]
    received_at: Mapped[datetime]
    decided_at: Mapped[datetime | None]


class RoundTable(Base):
    """A round of a competition: exactly one for each sync block."""

    __tablename__ = "rounds"
    __table_args__ = (UniqueConstraint("competition", "sync_block"),)

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    competition: Mapped[str]
    sync_block: Mapped[int] = mapped_column(BigInteger)
    seed: Mapped[str]
    competition_digest: Mapped[str] = mapped_column(String(64))
    definition: Mapped[dict[str, Any]]
    samples_digest: Mapped[str | None] = mapped_column(String(64))
    samples_evidence: Mapped[str | None] = mapped_column(String(64))
    state: Mapped[str] = mapped_column(String(16))
    reason: Mapped[str | None]
    opened_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]


class EvaluationTable(Base):
    """A submission's evaluation in a round: at most one, whatever is interrupted."""

    __tablename__ = "evaluations"
    __table_args__ = (UniqueConstraint("round_id", "submission_id"),)

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    round_id: Mapped[int] = mapped_column(Key, ForeignKey("rounds.id"))
    submission_id: Mapped[int] = mapped_column(Key, ForeignKey("submissions.id"), index=True)
    state: Mapped[str] = mapped_column(String(16))
    scorecard: Mapped[str | None] = mapped_column(String(64))
    score: Mapped[float | None]
    fault: Mapped[str | None] = mapped_column(String(16))
    code: Mapped[str | None]
    message: Mapped[str | None]
    hint: Mapped[str | None]
    attempts: Mapped[int]
    seconds: Mapped[float]
    finished_at: Mapped[datetime | None]

    submission: Mapped[SubmissionTable] = relationship(lazy="joined")


class VerdictTable(Base):
    """A round's verdict: one, never replaced."""

    __tablename__ = "verdicts"

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    round_id: Mapped[int] = mapped_column(Key, ForeignKey("rounds.id"), unique=True)
    verdict: Mapped[dict[str, Any]]
    digest: Mapped[str] = mapped_column(String(64))
    champion_before: Mapped[str | None] = mapped_column(String(64))
    champion_after: Mapped[str | None] = mapped_column(String(64))
    decided_at: Mapped[datetime]
    published_at: Mapped[datetime | None]

    round: Mapped[RoundTable] = relationship(lazy="joined")
