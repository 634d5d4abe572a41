"""Verdicts read back from the JSON they were written as."""

from collections.abc import Mapping
from typing import Any

from palio.contest.duel import DuelState, DuelVerdict, Limits, TaskLead
from palio.contest.outcome import (
    Carry,
    DuelMark,
    DuelNumber,
    EntrantVerdict,
    Outcome,
    Status,
    Verdict,
    WinStanding,
)
from palio.evaluation.scorecard import Interval


def verdict_from_json(value: Mapping[str, Any]) -> Verdict:
    """The verdict written by :meth:`Verdict.to_json`.

    Raises:
        ValueError: the object is no verdict.
    """
    try:
        return Verdict(
            **{
                **value,
                "seed": int(value["seed"]),
                "outcome": Outcome(value["outcome"]),
                "entrants": tuple(_entrant(each) for each in value["entrants"]),
                "kept": tuple(value["kept"]),
                "carry": _carry(value["carry"]),
            }
        )
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise ValueError(f"malformed verdict: {error!r}") from error


def _entrant(value: Mapping[str, Any]) -> EntrantVerdict:
    interval, duel, wins = value["interval"], value["duel"], value["wins"]
    return EntrantVerdict(
        **{
            **value,
            "status": Status(value["status"]),
            "interval": None if interval is None else Interval(*interval),
            "duel": None if duel is None else _duel(duel),
            "wins": None if wins is None else WinStanding(**wins),
        }
    )


def _duel(value: Mapping[str, Any]) -> DuelState:
    return DuelState(
        **{
            **value,
            "verdict": DuelVerdict(value["verdict"]),
            "limits": Limits(**value["limits"]),
            "joint": Limits(**value["joint"]),
            "tasks": {
                name: TaskLead(**{**task, "limits": Limits(**task["limits"])})
                for name, task in value["tasks"].items()
            },
            "held_back": tuple(value["held_back"]),
        }
    )


def _carry(value: Mapping[str, Any]) -> Carry:
    duels = {
        name: DuelMark(
            verdict=DuelVerdict(mark["verdict"]),
            rounds=tuple(mark["rounds"]),
            limits=Limits(**mark["limits"]),
            why=mark["why"],
            looks=tuple(mark["looks"]),
            number=None if mark["number"] is None else DuelNumber(**mark["number"]),
        )
        for name, mark in value["duels"].items()
    }
    return Carry(**{**value, "duels": duels})
