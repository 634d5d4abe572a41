"""Submissions, rounds, evaluations and verdicts."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TIME = sa.DateTime(timezone=True)
DIGEST = sa.String(64)
STATE = sa.String(16)


def upgrade() -> None:
    """Create the first tables."""
    _create_submissions()
    _create_rounds()
    _create_evaluations()
    _create_verdicts()


def _create_submissions() -> None:
    op.create_table(
        "submissions",
        sa.Column("id", KEY, nullable=False),
        sa.Column("commitment", DIGEST, nullable=False),
        sa.Column("line", sa.Text, nullable=False),
        sa.Column("participant", sa.Text, nullable=False),
        sa.Column("block", sa.BigInteger, nullable=False),
        sa.Column("sequence", sa.BigInteger, nullable=False),
        sa.Column("competition_id", sa.Text),
        sa.Column("namespace", sa.Text),
        sa.Column("name", sa.Text),
        sa.Column("commit", sa.Text),
        sa.Column("secure_hash", sa.Text),
        sa.Column("content_digest", DIGEST),
        sa.Column("weights_digest", DIGEST),
        sa.Column("state", STATE, nullable=False),
        sa.Column("code", sa.Text),
        sa.Column("message", sa.Text),
        sa.Column("hint", sa.Text),
        sa.Column("evidence", sa.JSON),
        sa.Column("received_at", TIME, nullable=False),
        sa.Column("decided_at", TIME),
        sa.PrimaryKeyConstraint("id", name="pk_submissions"),
        sa.UniqueConstraint("commitment", name="uq_submissions_commitment"),
    )
    for column in ("participant", "competition_id", "content_digest"):
        op.create_index(f"ix_submissions_{column}", "submissions", [column])


def _create_rounds() -> None:
    op.create_table(
        "rounds",
        sa.Column("id", KEY, nullable=False),
        sa.Column("competition", sa.Text, nullable=False),
        sa.Column("sync_block", sa.BigInteger, nullable=False),
        sa.Column("seed", sa.Text, nullable=False),
        sa.Column("competition_digest", DIGEST, nullable=False),
        sa.Column("definition", sa.JSON, nullable=False),
        sa.Column("samples_digest", DIGEST),
        sa.Column("samples_evidence", DIGEST),
        sa.Column("state", STATE, nullable=False),
        sa.Column("reason", sa.Text),
        sa.Column("opened_at", TIME, nullable=False),
        sa.Column("closed_at", TIME),
        sa.PrimaryKeyConstraint("id", name="pk_rounds"),
        sa.UniqueConstraint("competition", "sync_block", name="uq_rounds_competition_sync_block"),
    )


def _create_evaluations() -> None:
    op.create_table(
        "evaluations",
        sa.Column("id", KEY, nullable=False),
        sa.Column("round_id", KEY, nullable=False),
        sa.Column("submission_id", KEY, nullable=False),
        sa.Column("state", STATE, nullable=False),
        sa.Column("scorecard", DIGEST),
        sa.Column("score", sa.Double),
        sa.Column("fault", STATE),
        sa.Column("code", sa.Text),
        sa.Column("message", sa.Text),
        sa.Column("hint", sa.Text),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("seconds", sa.Double, nullable=False),
        sa.Column("finished_at", TIME),
        sa.PrimaryKeyConstraint("id", name="pk_evaluations"),
        sa.UniqueConstraint(
            "round_id", "submission_id", name="uq_evaluations_round_id_submission_id"
        ),
        sa.ForeignKeyConstraint(["round_id"], ["rounds.id"], name="fk_evaluations_round_id_rounds"),
        sa.ForeignKeyConstraint(
            ["submission_id"], ["submissions.id"], name="fk_evaluations_submission_id_submissions"
        ),
    )
    op.create_index("ix_evaluations_submission_id", "evaluations", ["submission_id"])


def _create_verdicts() -> None:
    op.create_table(
        "verdicts",
        sa.Column("id", KEY, nullable=False),
        sa.Column("round_id", KEY, nullable=False),
        sa.Column("verdict", sa.JSON, nullable=False),
        sa.Column("digest", DIGEST, nullable=False),
        sa.Column("champion_before", DIGEST),
        sa.Column("champion_after", DIGEST),
        sa.Column("decided_at", TIME, nullable=False),
        sa.Column("published_at", TIME),
        sa.PrimaryKeyConstraint("id", name="pk_verdicts"),
        sa.UniqueConstraint("round_id", name="uq_verdicts_round_id"),
        sa.ForeignKeyConstraint(["round_id"], ["rounds.id"], name="fk_verdicts_round_id_rounds"),
    )
