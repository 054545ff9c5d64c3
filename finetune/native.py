"""A native model folder in memory, through transformers' own classes: its files fit together, or it is refused.

transformers itself fills what a folder lacks with random numbers and says so in a log; such a model would speak nonsense.
"""

import logging
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedConfig, PreTrainedModel
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

from clone_agent.errors import ModelError
from finetune.chatglm import modeling
from finetune.model_files import ModelFiles

log = logging.getLogger(__name__)


def load_native(files: ModelFiles, dtype: torch.dtype) -> PreTrainedModel:
    """Load a model in a type, on the CPU.

    Attention is SDPA where the class has it. What transformers raises of files that do not fit is left to the caller.

    Raises:
        ModelError: it is no causal language model, or lacks some of its tensors.
    """
    modeling.register()
    config = native_config(files)
    # With `output_loading_info` the model and a report come back, which transformers' types do not say.
    loaded: Any = AutoModelForCausalLM.from_pretrained(
        files.folder,
        config=config,
        dtype=dtype,
        use_safetensors=True,
        local_files_only=True,
        trust_remote_code=False,
        output_loading_info=True,
    )
    model: PreTrainedModel = loaded[0]
    report: dict[str, Any] = loaded[1]
    if missing := report["missing_keys"]:
        raise ModelError(f"{files.name} lacks {len(missing)} of its tensors.", remedy="Fetch the model again: a weight file is missing.")
    if left_out := report["unexpected_keys"]:
        log.warning("%s holds %d tensors that its config.json knows nothing of; they are left out", files.name, len(left_out))
    return model


def native_config(files: ModelFiles) -> PreTrainedConfig:
    """The configuration of a native folder.

    Raises:
        ModelError: of no causal language model that transformers knows.
    """
    if files.model_type not in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES and files.model_type != modeling.MODEL_TYPE:
        raise ModelError(
            f"{files.name} is a {files.model_type}, which is no causal language model that is known here.",
            remedy="Use a GLM, or another chat model of transformers' own classes.",
        )
    modeling.register()
    config: PreTrainedConfig = AutoConfig.from_pretrained(files.folder, local_files_only=True, trust_remote_code=False)
    # A config.json that leaves the padding out gets GLM-4-9B's, which a smaller vocabulary does not have.
    if isinstance(config.pad_token_id, int) and config.pad_token_id >= int(getattr(config, "vocab_size", config.pad_token_id + 1)):
        config.pad_token_id = None
    return config
