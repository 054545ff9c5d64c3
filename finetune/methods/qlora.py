"""QLoRA (Dettmers et al. 2023, arXiv 2305.14314): LoRA on a base held in 4 bits, for machines that the base itself would fill.

The adapter is an ordinary LoRA adapter; on the base in full precision it works too, which is how it is merged.
"""

from transformers import PreTrainedModel

from finetune.methods import lora
from finetune.methods.adapter import Adapter, Method, MethodDefaults


def attach(model: PreTrainedModel, settings: lora.LoraSettings, /) -> Adapter:
    """Wrap the chosen linear layers, 4-bit or not; see `finetune.methods.lora.attach`."""
    adapter = lora.attach(model, settings)
    adapter.method = METHOD.name
    return adapter


METHOD = Method(
    name="qlora",
    title="QLoRA: LoRA on a base held in 4 bits",
    settings=lora.LoraSettings,
    attach=attach,
    defaults=MethodDefaults(learning_rate=2e-4, small_learning_rate=5e-3),
    peft_config=lora.peft_settings,
    merge=lora.merge,
    four_bit=True,
)
