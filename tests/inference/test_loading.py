"""What is loaded is the submission's whole model and nothing invented, or a reason why not."""

import json
import math
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import CohereConfig, CohereForCausalLM

from palio.errors import EvaluationFailed, Fault
from palio.inference.engine import BatchLimits, TransformersEngine
from palio.inference.loading import load_model
from palio.inference.protocol import LossRequest, TextAnswer
from tests.inference.asked import generations, words
from tests.tiny_models import SHAPE, random_weights, save_tiny, tiny_tokenizer


def refusal(folder: Path) -> EvaluationFailed:
    with pytest.raises(EvaluationFailed) as failure:
        load_model(folder, "float32")
    return failure.value


def change_weights(folder: Path, change: Callable[[dict[str, torch.Tensor]], object]) -> Path:
    weights = load_file(folder / "model.safetensors")
    change(weights)
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


def change_config(folder: Path, **changes: object) -> Path:
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    return folder


DOWN = "model.layers.1.mlp.down_proj.weight"


def test_a_missing_tensor_is_never_drawn_at_random(tmp_path: Path) -> None:
    folder = change_weights(save_tiny(tmp_path / "m"), lambda weights: weights.pop(DOWN))
    failure = refusal(folder)
    assert (failure.code, failure.fault) == ("E_W_MISSING", Fault.PARTICIPANT)
    assert DOWN in str(failure)


def test_an_unexpected_tensor_is_refused(tmp_path: Path) -> None:
    folder = change_weights(
        save_tiny(tmp_path / "m"), lambda weights: weights.update(extra=torch.zeros(3))
    )
    assert (refusal(folder).code, refusal(folder).fault) == ("E_W_UNEXPECTED", Fault.PARTICIPANT)


def test_a_tensor_of_another_shape_is_the_participants_fault(tmp_path: Path) -> None:
    folder = change_weights(
        save_tiny(tmp_path / "m"), lambda weights: weights.update({DOWN: torch.zeros(5, 7)})
    )
    assert (refusal(folder).code, refusal(folder).fault) == ("E_W_SHAPE", Fault.PARTICIPANT)


@pytest.mark.parametrize("name", ["NoSuchForCausalLM", "LlamaModel", "os", "pipeline"])
def test_only_causal_language_model_classes_are_loaded(tmp_path: Path, name: str) -> None:
    folder = change_config(save_tiny(tmp_path / "m"), architectures=[name])
    assert (refusal(folder).code, refusal(folder).fault) == ("E_CFG_ARCH", Fault.PARTICIPANT)


@pytest.mark.parametrize("window", [0, 1, 15])
def test_a_window_too_short_to_ask_anything_is_refused(tmp_path: Path, window: int) -> None:
    folder = change_config(save_tiny(tmp_path / "m"), max_position_embeddings=window)
    assert (refusal(folder).code, refusal(folder).fault) == ("E_CFG_RANGE", Fault.PARTICIPANT)


def test_the_window_is_found_under_its_older_name(tmp_path: Path) -> None:
    folder = save_tiny(tmp_path / "m", 0, "gptj", max_position_embeddings=64)
    config = json.loads((folder / "config.json").read_text())
    assert "max_position_embeddings" not in config
    assert config["n_positions"] == 64
    assert load_model(folder, "float32").window == 64


def test_a_model_made_for_less_is_given_less(tmp_path: Path) -> None:
    loaded = load_model(save_tiny(tmp_path / "m", max_position_embeddings=32), "float32")
    (answer,) = TransformersEngine(loaded, 128).answer([LossRequest((), words(40), "truncate")])
    assert answer.tokens == 31  # type: ignore[union-attr]


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("name", [DOWN, "lm_head.weight", "model.norm.weight"])
@pytest.mark.parametrize("kind", ["loss", "generate"])
def test_weights_that_are_no_numbers_end_as_the_participants_fault(
    tmp_path: Path, value: float, name: str, kind: str
) -> None:
    def spoil(weights: dict[str, torch.Tensor]) -> None:
        weights[name].view(-1)[3] = value

    folder = change_weights(save_tiny(tmp_path / "m"), spoil)
    request = LossRequest((), "the red dog") if kind == "loss" else generations()[0]
    with pytest.raises(EvaluationFailed) as failure:
        TransformersEngine(load_model(folder, "float32"), 128).answer([request])
    assert (failure.value.code, failure.value.fault) == ("E_RT_NONFINITE", Fault.PARTICIPANT)


def test_numbers_too_large_for_the_format_end_as_the_participants_fault(tmp_path: Path) -> None:
    def enlarge(weights: dict[str, torch.Tensor]) -> None:
        weights[DOWN] *= 1e5

    folder = change_weights(save_tiny(tmp_path / "m"), enlarge)
    request = [LossRequest((), "the red dog")]
    TransformersEngine(load_model(folder, "float32"), 128).answer(request)
    with pytest.raises(EvaluationFailed, match="finite"):
        TransformersEngine(load_model(folder, "float16"), 128).answer(request)


def test_generation_settings_of_a_submission_are_never_read(tmp_path: Path) -> None:
    folder = save_tiny(tmp_path / "m")
    expected = TransformersEngine(load_model(folder, "float32"), 128).answer(generations())
    settings = {
        "do_sample": True,
        "temperature": 50.0,
        "max_new_tokens": 1,
        "eos_token_id": list(range(300)),
        "suppress_tokens": [66, 67],
        "repetition_penalty": 9.0,
    }
    (folder / "generation_config.json").write_text(json.dumps(settings))
    again = TransformersEngine(load_model(folder, "float32"), 128).answer(generations())
    assert again == expected


def test_every_eos_of_a_list_ends_a_text(tmp_path: Path) -> None:
    folder = save_tiny(tmp_path / "m")
    free = TransformersEngine(load_model(folder, "float32"), 128)
    (long,) = free.answer(generations()[:1])
    assert isinstance(long, TextAnswer)
    third = free._codec._tokenizer.encode(long.text, add_special_tokens=False).ids
    change_config(folder, eos_token_id=[2, *third])
    ended = TransformersEngine(load_model(folder, "float32"), 128)
    (short,) = ended.answer(generations()[:1])
    assert isinstance(short, TextAnswer)
    assert short.finish_reason == "stop"
    assert short.tokens < long.tokens


def test_an_engine_is_loaded_as_its_entry_point_says(saved: Callable[[str], Path]) -> None:
    engine = TransformersEngine.load(
        saved("llama"),
        dtype="bfloat16",
        device="cpu",
        sequence_length=64,
        limits=BatchLimits(512, 4),
    )
    assert engine.environment["dtype"] == "bfloat16"
    (answer,) = engine.answer([LossRequest((), "the red dog")])
    assert answer.tokens == 3  # type: ignore[union-attr]


def test_logits_that_the_head_does_not_know_are_refused_not_mis_scored(tmp_path: Path) -> None:
    tokenizer = tiny_tokenizer()
    shape = SHAPE | {"tie_word_embeddings": True, "logit_scale": 0.0625}
    model = CohereForCausalLM(CohereConfig(**shape, vocab_size=len(tokenizer)))
    model.load_state_dict(random_weights(model, 0))
    model.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    with pytest.raises(EvaluationFailed, match="CohereForCausalLM") as failure:
        TransformersEngine(load_model(tmp_path, "float32"), 128)
    assert (failure.value.code, failure.value.fault) == ("E_RT_ENGINE", Fault.PLATFORM)
