"""A competition of four kinds of tasks whose spreads and costs are all stated."""

from palio.competition.model import (
    BaselineNormalisation,
    Competition,
    Constraints,
    DuelRule,
    Epsilon,
    InverseExponential,
    Normalisation,
    RawNormalisation,
    Rule,
    Schedule,
    TaskSpec,
    WinRateRule,
)
from palio.contest.duel_settings import DuelSettings
from palio.simulation.assumptions import Likeness, TaskAssumption, assume
from palio.simulation.duels import Pairing
from palio.simulation.noise import noise_of

WIN_RATE = WinRateRule(kind="win_rate", average_retains=0.85, share_threshold=0.18)
DUEL = DuelRule(kind="duel", alpha=0.001, beta=0.1, zone=0.02, max_items=60_000)

#: By task: weight, samples in proportion to weight * cap, method, raw loss, cap.
FOUR = {
    "CHOICES": (0.4, 64, "multiple_choice", 0.348, 2.87),
    "RULES": (0.2, 27, "rule_following", 0.41, 2.4),
    "TEXTS": (0.3, 3, "text_loss", 2.3, 0.15),
    "WORDS": (0.1, 6, "reference_loss", 0.5, 1.0),
}


def four_tasks(
    rule: Rule = DUEL,
    *,
    epsilon: Epsilon | None = None,
    times: int = 1,
    weights: tuple[float, ...] | None = None,
) -> Competition:
    """The four tasks; ``times`` the samples, normalised as the rule's edition does it."""
    tasks = {}
    for number, (name, (weight, samples, method, loss, cap)) in enumerate(FOUR.items()):
        kind: Normalisation = BaselineNormalisation(kind="baseline", loss=loss, cap=cap)
        if isinstance(rule, WinRateRule):
            losses = {"TEXTS": 20.0, "WORDS": 40.0}
            kind = (
                InverseExponential(kind="inverse_exponential", ceiling=losses[name])
                if name in losses
                else RawNormalisation()
            )
        tasks[name] = TaskSpec(
            dataset="d",
            method=method,
            samples=samples * times,
            weight=weight if weights is None else weights[number],
            normalisation=kind,
        )
    return Competition(
        name="FOUR",
        id="4",
        constraints=Constraints(
            architectures=("LlamaForCausalLM",),
            max_parameters=1000,
            max_bytes=1000,
            sequence_length=64,
        ),
        tasks=tasks,
        rule=rule,
        epsilon=epsilon or Epsilon(start=0.01, end=0.01),
        schedule=Schedule(cadence_blocks=100),
    )


def pairing(
    competition: Competition,
    lead: float,
    tasks: dict[str, TaskAssumption] | None = None,
    likeness: Likeness = Likeness.SIBLINGS,
) -> Pairing:
    """Champion and challenger that leads alike on every task."""
    assumed = tasks or assume(competition, likeness)
    return Pairing(
        settings=DuelSettings.of(competition),
        epsilon=competition.epsilon.end,
        noises={name: noise_of(name, task) for name, task in assumed.items()},
        leads=dict.fromkeys(competition.tasks, lead),
    )
