"""What is competed for, at one block: constraints, tasks, rule, epsilon, schedule, share.

Every value is frozen and every unknown key refused. This module holds the
vocabulary and the rules between keys; reading files, lines and catalogues is
``palio.competition.loading``'s work. Nothing here knows what a dataset or a method does:
their names and options are checked by ``palio.tasks.registry``.
"""

from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    field_validator,
    model_validator,
)

from palio.canonical import digest_of

#: Room for rounding when weights written with few decimals are added up.
WEIGHT_TOLERANCE = 1e-9

Positive = Annotated[int, Field(gt=0)]
NonNegative = Annotated[int, Field(ge=0)]
Fraction = Annotated[float, Field(ge=0.0, le=1.0)]
OpenFraction = Annotated[float, Field(gt=0.0, lt=1.0)]


class Frozen(BaseModel):
    """Base of every definition: immutable, no unknown keys, no NaN or infinity."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class DType(StrEnum):
    """Number formats in which weights may be stored, and in which a model is evaluated."""

    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16"
    FLOAT16 = "float16"


class NormCheck(Frozen):
    """Limits on the Frobenius norms of the projections of every layer (docs/sn37.md)."""

    soft: Annotated[float, Field(gt=0)] = 200.0
    """A projection above this norm counts as large."""
    soft_share: Fraction = 0.15
    """Largest admissible mean, over projection kinds, of the share of large layers."""
    hard: Annotated[float, Field(gt=0)] = 1000.0
    """A single projection above this norm is refused."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.soft > self.hard:
            raise ValueError(f"soft ({self.soft}) must not exceed hard ({self.hard})")
        return self


class OwnTokenizer(Frozen):
    """The submission brings its own tokenizer; losses must then be per byte of text."""

    kind: Literal["own"] = "own"


class FixedTokenizer(Frozen):
    """Every submission must carry this very tokenizer."""

    kind: Literal["fixed"]
    name: Annotated[str, Field(min_length=1)]
    """Where people find it, e.g. a hub repository."""
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")] | None = None
    """Digest of its tokenizer.json; without it the name is a convention that is not enforced."""


class Constraints(Frozen):
    """What a submission must be, all decided without running it."""

    architectures: Annotated[tuple[str, ...], Field(min_length=1)]
    """Exact class names, e.g. ``LlamaForCausalLM``."""
    min_parameters: NonNegative = 0
    max_parameters: Positive
    max_bytes: Positive
    """Sum of the sizes of all files of a submission."""
    sequence_length: Annotated[int, Field(ge=16)]
    """Longest input in tokens; also the window in which texts are scored."""
    tokenizer: Annotated[OwnTokenizer | FixedTokenizer, Field(discriminator="kind")] = (
        OwnTokenizer()
    )
    stored_dtypes: Annotated[tuple[DType, ...], Field(min_length=1)] = (
        DType.FLOAT32,
        DType.BFLOAT16,
        DType.FLOAT16,
    )
    dtype: DType = DType.BFLOAT16
    """The number format in which every model is evaluated."""
    norm_check: NormCheck | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.min_parameters > self.max_parameters:
            raise ValueError(
                f"min_parameters ({self.min_parameters}) must not exceed "
                f"max_parameters ({self.max_parameters})"
            )
        for name in self.architectures:
            if not name.endswith("ForCausalLM"):
                raise ValueError(
                    f"architectures: {name!r} is no causal language model class; "
                    "names end in 'ForCausalLM'"
                )
        if len(set(self.architectures)) != len(self.architectures):
            raise ValueError("architectures: a name stands twice")
        return self


class RawNormalisation(Frozen):
    """The raw score is used as it is."""

    kind: Literal["none"] = "none"


class InverseExponential(Frozen):
    """SN37's ``n(x) = (1 - exp(-x/c)) / (1 - exp(-1))``, and 1 from the ceiling ``c`` on."""

    kind: Literal["inverse_exponential"]
    ceiling: Annotated[float, Field(gt=0)]


class BaselineNormalisation(Frozen):
    """Raw loss divided by a published baseline's, so that the baseline scores 1."""

    kind: Literal["baseline"]
    loss: Annotated[float, Field(gt=0)]
    """The published baseline's raw loss on this task, in the method's unit."""
    cap: Annotated[float, Field(gt=0)]
    """Largest advantage one sample can bring, in units of the baseline's loss."""


Normalisation = Annotated[
    RawNormalisation | InverseExponential | BaselineNormalisation, Field(discriminator="kind")
]


class TaskSpec(Frozen):
    """One task: where samples come from, what is asked, how many, and what it weighs."""

    dataset: Annotated[str, Field(min_length=1)]
    dataset_options: dict[str, JsonValue] = {}
    method: Annotated[str, Field(min_length=1)]
    method_options: dict[str, JsonValue] = {}
    samples: Positive
    """Samples drawn for each round."""
    weight: Annotated[float, Field(gt=0, le=1)]
    normalisation: Normalisation = RawNormalisation()


class Epsilon(Frozen):
    """The relative margin by which a later model must be better; it decays with age."""

    start: Annotated[float, Field(ge=0, lt=1)]
    end: Annotated[float, Field(ge=0, lt=1)]
    decay_blocks: NonNegative = 0
    """Blocks over which it falls linearly from start to end; 0 means end at once."""

    @model_validator(mode="after")
    def _falls(self) -> Self:
        if self.end > self.start:
            raise ValueError(f"end ({self.end}) must not exceed start ({self.start})")
        return self

    def at(self, age_blocks: int) -> float:
        """Epsilon of something ``age_blocks`` old; a negative age counts as 0."""
        if self.decay_blocks == 0:
            return self.end
        done = min(max(age_blocks, 0) / self.decay_blocks, 1.0)
        return self.start - done * (self.start - self.end)


class Budget(StrEnum):
    """What the error rate alpha of the duel rule is granted to."""

    DUEL = "duel"
    """Each duel: J duels err with chance at most J times alpha."""
    SEASON = "season"
    """All duels of the competition: the j-th gets ``alpha / (j (j + 1))``, in total alpha."""
    PARTICIPANT = "participant"
    """All duels of one participant, whose j-th gets ``alpha / (j (j + 1))``."""


class DuelRule(Frozen):
    """Champion against challengers by a betting e-process (docs/verdicts.md); Palio's default."""

    kind: Literal["duel"]
    alpha: OpenFraction = 0.001
    """Largest chance that a challenger whose lead is not above epsilon is ever crowned."""
    budget: Budget = Budget.DUEL
    """What alpha is granted to: each duel, all of the competition, or all of a participant."""
    beta: OpenFraction = 0.1
    """Largest chance that a challenger ahead by epsilon + zone is ever dropped."""
    zone: Annotated[float, Field(gt=0, lt=1)] = 0.02
    """Width above the smallest epsilon in which a challenger may be dropped."""
    max_items: Positive = 60_000
    """Samples after which an undecided challenger is dropped."""
    looks: Annotated[int, Field(ge=1, le=100)] = 1
    """Looks at the evidence in a round, each after an equal part of every task's samples. An
    entrant whose duel is decided at a look is not asked the rest."""
    guards: dict[str, Annotated[float, Field(ge=0, lt=1)]] = {}
    """By task, the relative loss tolerated there: no crown while a larger one is shown."""


class WinRateRule(Frozen):
    """SN37's rule: pairwise wins under epsilon, best win rate takes the step weight."""

    kind: Literal["win_rate"]
    average_retains: Fraction
    """Share of the moving average that a round keeps of its past (SN37's alpha)."""
    share_threshold: Fraction
    """Averages below this earn nothing; the rest are renormalised."""
    keep: Positive = 3
    """How many of the best are evaluated again in the next round."""
    keep_minimum: Fraction = 0.001
    """Averages below this do not keep a model in by themselves."""
    history: Positive = 3
    """Results per model that the retry rule may look at."""
    failed_tries: Positive = 2
    """Attempts granted to a model that has only ever failed."""


Rule = Annotated[DuelRule | WinRateRule, Field(discriminator="kind")]


class Schedule(Frozen):
    """The time base: blocks, rounds, and when a submission may first be evaluated."""

    genesis_block: NonNegative = 0
    seconds_per_block: Annotated[float, Field(gt=0)] = 12.0
    cadence_blocks: Positive = 360
    """Blocks between rounds; a round's sync block is a multiple of it from the genesis block."""
    evaluation_delay_blocks: NonNegative = 0
    """Blocks that must pass between a commitment and the first round that evaluates it."""

    def sync_block(self, block: int) -> int:
        """The sync block of the round that is current at ``block``.

        Raises:
            ValueError: the block lies before the genesis block.
        """
        if block < self.genesis_block:
            raise ValueError(f"block {block} lies before the genesis block {self.genesis_block}")
        return block - (block - self.genesis_block) % self.cadence_blocks


class Competition(Frozen):
    """A competition as it stands at one block. ``digest`` names exactly this definition."""

    name: Annotated[str, Field(pattern=r"^[A-Z0-9][A-Z0-9_]{0,63}$")]
    id: Annotated[str, Field(pattern=r"^[A-Za-z0-9]{1,2}$")]
    """The short id that stands in a commitment line."""
    description: str = ""
    constraints: Constraints
    tasks: Annotated[dict[str, TaskSpec], Field(min_length=1)]
    rule: Rule = DuelRule(kind="duel")
    epsilon: Epsilon
    schedule: Schedule = Schedule()
    reward_share: Fraction = 1.0
    """Share of the whole reward that this competition pays out."""

    @field_validator("tasks")
    @classmethod
    def _task_names(cls, tasks: dict[str, TaskSpec]) -> dict[str, TaskSpec]:
        for name in tasks:
            if not name.replace("_", "").isalnum() or name != name.upper():
                raise ValueError(f"task name {name!r}: use capitals, digits and underscores")
        return tasks

    @model_validator(mode="after")
    def _whole(self) -> Self:
        total = sum(task.weight for task in self.tasks.values())
        if abs(total - 1.0) > WEIGHT_TOLERANCE:
            raise ValueError(f"tasks: the weights add up to {total:.6g}; they must add up to 1")
        if isinstance(self.rule, DuelRule):
            for name in self.rule.guards:
                if name not in self.tasks:
                    raise ValueError(
                        f"rule.guards.{name}: there is no such task; the tasks are "
                        f"{', '.join(self.tasks)}"
                    )
            for name, task in self.tasks.items():
                if not isinstance(task.normalisation, BaselineNormalisation):
                    raise ValueError(  # noqa: TRY004 - a wrong value, which pydantic reports
                        f"tasks.{name}.normalisation: the duel rule needs kind 'baseline' "
                        "with a published loss and a cap"
                    )
                if task.samples % self.rule.looks:
                    # Unequal parts would shift the tasks' weights between looks.
                    raise ValueError(
                        f"tasks.{name}.samples: {task.samples} cannot be split into "
                        f"{self.rule.looks} equal looks; change it or rule.looks"
                    )
        return self

    @property
    def digest(self) -> str:
        """Hex SHA-256 of the canonical JSON of this definition."""
        return digest_of(self.model_dump(mode="json"))
