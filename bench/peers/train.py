"""PyTorch's side of `npm run bench:train` (see bench/duel.ts for how contestants talk).

    train.py gpt --layers 4 --width 256 --heads 4 --vocabulary 259 --context 128 --batch 16 --steps 4 [--compile]
    train.py encoder --folder FOLDER --batch 8 --length 128 --rank 8 --steps 2 [--compile]
    train.py matmul                    # products of two matrices of 1,024 rows and columns, nothing else
    train.py export --folder FOLDER    # the encoder as an ONNX file, for Temper

The GPT is that of models/gpt.ts: pre-norm, learnt positions, exact GELU, causal attention, untied head; AdamW is
PyTorch's fused one, with clipping of the global norm. Needs torch; the encoder also transformers and peft.
"""

import argparse
import json
import math
import resource
import sys
import time

import torch
import torch.nn as nn
import torch.nn.functional as F

torch.set_num_threads(2)


class Block(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x):
        batch, length, width = x.shape
        q, k, v = (
            part.view(batch, length, self.heads, width // self.heads).transpose(1, 2)
            for part in self.qkv(self.norm1(x)).split(width, dim=2)
        )
        mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.out(mixed.transpose(1, 2).reshape(batch, length, width))
        return x + self.down(F.gelu(self.up(self.norm2(x))))


class Gpt(nn.Module):
    def __init__(self, layers, width, heads, vocabulary, context):
        super().__init__()
        self.tokens, self.positions = nn.Embedding(vocabulary, width), nn.Embedding(context, width)
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(layers))
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, vocabulary, bias=False)

    def forward(self, tokens):
        x = self.tokens(tokens) + self.positions.weight[: tokens.shape[1]]
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x))


def gpt(args):
    torch.manual_seed(1)
    model = Gpt(args.layers, args.width, args.heads, args.vocabulary, args.context)
    data = torch.randint(args.vocabulary, (args.batch, args.context + 1))

    def loss(forward):
        logits = forward(data[:, :-1])
        return F.cross_entropy(logits.reshape(-1, args.vocabulary), data[:, 1:].reshape(-1))

    return model, loss, args.batch * args.context


def bert_config(layers=None):
    from transformers import BertConfig

    # BERT-base, its dropout off on both sides.
    return BertConfig(num_hidden_layers=layers or 12, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0, num_labels=2)


def encoder(args):
    from peft import LoraConfig, get_peft_model
    from transformers import BertForSequenceClassification

    torch.manual_seed(1)
    model = BertForSequenceClassification(bert_config())
    lora = LoraConfig(r=args.rank, lora_alpha=args.rank, target_modules=["query", "value"], task_type="SEQ_CLS")
    model = get_peft_model(model, lora)
    tokens = torch.randint(model.config.vocab_size, (args.batch, args.length))
    labels = torch.randint(2, (args.batch,))
    mask = torch.ones_like(tokens)

    def loss(forward):
        return F.cross_entropy(forward(input_ids=tokens, attention_mask=mask).logits, labels)

    return model, loss, args.batch * args.length


def export(args):
    from pathlib import Path

    from transformers import BertForSequenceClassification

    torch.manual_seed(1)
    folder = Path(args.folder)
    (folder / "onnx").mkdir(parents=True, exist_ok=True)
    model = BertForSequenceClassification(bert_config(args.layers)).eval()
    model.config.save_pretrained(folder)
    names = ["input_ids", "attention_mask", "token_type_ids"]
    example = torch.ones(2, 8, dtype=torch.int64)
    torch.onnx.export(
        model,
        (example, example, torch.zeros_like(example)),
        str(folder / "onnx" / "model.onnx"),
        input_names=names,
        output_names=["logits"],
        dynamic_axes={name: {0: "batch_size", 1: "sequence_length"} for name in names} | {"logits": {0: "batch_size"}},
        opset_version=17,
        dynamo=False,
    )


def matmul(_args):
    size, products = 1024, 16
    a, b = torch.full((size, size), 0.5), torch.full((size, size), 0.5)

    def work():
        for _ in range(products):
            torch.mm(a, b)
        return products * 2 * size**3

    return work


def training(args):
    model, loss, tokens = {"gpt": gpt, "encoder": encoder}[args.case](args)
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=1e-3, weight_decay=0.1, fused=True)
    forward = torch.compile(model) if args.compile else model
    model.train()

    def work():
        for _ in range(args.steps):
            optimizer.zero_grad(set_to_none=True)
            value = loss(forward)
            value.backward()
            torch.nn.utils.clip_grad_norm_(trained, 1.0)
            optimizer.step()
        assert math.isfinite(value.item())
        return tokens * args.steps

    return work


def contend(work):
    work(), work()
    print(json.dumps({"ready": True}), flush=True)
    for _ in sys.stdin:
        begin = time.perf_counter()
        units = work()
        seconds = time.perf_counter() - begin
        print(json.dumps({"units": units, "seconds": seconds}), flush=True)
    print(json.dumps({"peakBytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}), flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("case", choices=["gpt", "encoder", "matmul", "export"])
    for name in ("layers", "width", "heads", "vocabulary", "context", "batch", "length", "rank", "steps"):
        parser.add_argument(f"--{name}", type=int)
    parser.add_argument("--folder")
    parser.add_argument("--compile", action="store_true")
    args = parser.parse_args()
    if args.case == "export":
        export(args)
    else:
        contend((matmul if args.case == "matmul" else training)(args))
