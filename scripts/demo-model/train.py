#!/usr/bin/env python3
"""Trains the demo model: a small llama as llama.cpp computes it (RMSNorm, SwiGLU, RoPE on
neighbouring pairs, tied embeddings). Reads corpus.ts's files, writes DATA/checkpoint.bin:
a 4-byte length, a JSON header {config, tensors: [{name, shape}]}, then float32 little-endian.

usage: train.py --data FOLDER [--steps N] [--seed N] [--rate R] [--resume]
"""
import argparse, json, math, os, struct, time

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
import numpy as np
import torch
import torch.nn.functional as F

WIDTH, HEADS, LAYERS, FEED_FORWARD, EPS, THETA = 96, 3, 5, 288, 1e-5, 10000.0
BEGIN = 1  # the token at the start of a document
HEAD = WIDTH // HEADS


def rms(x, weight):
    return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + EPS) * weight


def rotate(x, cos, sin):
    even, odd = x[..., 0::2], x[..., 1::2]
    return torch.stack((even * cos - odd * sin, even * sin + odd * cos), -1).flatten(-2)


class Model(torch.nn.Module):
    def __init__(self, vocabulary):
        super().__init__()
        matrix = lambda out, inp, gain=1.0: torch.nn.Parameter(torch.randn(out, inp) * 0.7 * gain / math.sqrt(inp))
        ones = lambda: torch.nn.Parameter(torch.ones(WIDTH))
        deep = 1 / math.sqrt(2 * LAYERS)
        self.weights = {"token_embd.weight": torch.nn.Parameter(torch.randn(vocabulary, WIDTH) * 0.05)}
        for i in range(LAYERS):
            b = f"blk.{i}."
            self.weights.update({
                b + "attn_norm.weight": ones(), b + "ffn_norm.weight": ones(),
                b + "attn_q.weight": matrix(WIDTH, WIDTH), b + "attn_k.weight": matrix(WIDTH, WIDTH),
                b + "attn_v.weight": matrix(WIDTH, WIDTH), b + "attn_output.weight": matrix(WIDTH, WIDTH, deep),
                b + "ffn_gate.weight": matrix(FEED_FORWARD, WIDTH), b + "ffn_up.weight": matrix(FEED_FORWARD, WIDTH),
                b + "ffn_down.weight": matrix(WIDTH, FEED_FORWARD, deep),
            })
        self.weights["output_norm.weight"] = ones()

    def forward(self, tokens):
        batch, length = tokens.shape
        w = self.weights
        angle = torch.arange(length)[:, None] * THETA ** (-torch.arange(0, HEAD, 2) / HEAD)
        cos, sin = angle.cos(), angle.sin()
        # A token sees what came before it in its own document only.
        document = (tokens == BEGIN).cumsum(1)
        unseen = (document[:, :, None] != document[:, None, :]) | torch.ones(length, length, dtype=torch.bool).triu(1)
        mask = torch.zeros(batch, 1, length, length).masked_fill_(unseen[:, None], -1e9)
        heads = lambda x: x.view(batch, length, HEADS, HEAD).transpose(1, 2)
        x = w["token_embd.weight"][tokens]
        for i in range(LAYERS):
            b = f"blk.{i}."
            h = rms(x, w[b + "attn_norm.weight"])
            q = rotate(heads(h @ w[b + "attn_q.weight"].T), cos, sin)
            k = rotate(heads(h @ w[b + "attn_k.weight"].T), cos, sin)
            v = heads(h @ w[b + "attn_v.weight"].T)
            scores = (q @ k.transpose(-1, -2)) * (1 / math.sqrt(HEAD)) + mask
            h = (scores.softmax(-1) @ v).transpose(1, 2).reshape(batch, length, WIDTH)
            x = x + h @ w[b + "attn_output.weight"].T
            h = rms(x, w[b + "ffn_norm.weight"])
            x = x + (F.silu(h @ w[b + "ffn_gate.weight"].T) * (h @ w[b + "ffn_up.weight"].T)) @ w[b + "ffn_down.weight"].T
        return rms(x, w["output_norm.weight"])

    def loss(self, rows):
        tokens = rows & 0x7FFF
        learned = (rows[:, 1:] & 0x8000) == 0
        hidden = self(tokens[:, :-1])[learned]
        return F.cross_entropy(hidden @ self.weights["token_embd.weight"].T, tokens[:, 1:][learned])


def save(model, path, extra):
    config = {"width": WIDTH, "heads": HEADS, "layers": LAYERS, "feedForward": FEED_FORWARD,
              "normEpsilon": EPS, "ropeTheta": THETA, **extra}
    header = json.dumps({"config": config, "tensors": [
        {"name": n, "shape": list(t.shape)} for n, t in model.weights.items()]}).encode()
    with open(path + ".part", "wb") as file:
        file.write(struct.pack("<I", len(header)) + header)
        for tensor in model.weights.values():
            file.write(tensor.detach().numpy().astype("<f4").tobytes())
    os.replace(path + ".part", path)


def load(model, path):
    with open(path, "rb") as file:
        (length,) = struct.unpack("<I", file.read(4))
        for tensor in json.loads(file.read(length))["tensors"]:
            values = np.frombuffer(file.read(4 * math.prod(tensor["shape"])), "<f4").reshape(tensor["shape"])
            model.weights[tensor["name"]].data.copy_(torch.from_numpy(values.copy()))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", required=True)
    parser.add_argument("--steps", type=int, default=3200)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--length", type=int, default=257)
    parser.add_argument("--rate", type=float, default=3e-3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--resume", action="store_true", help="go on from DATA/checkpoint.bin")
    a = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(a.seed)
    read = lambda name, length: torch.from_numpy(np.fromfile(os.path.join(a.data, name), "<u2").astype(np.int64)).view(-1, length)
    train, held_out, long = read("train.bin", a.length), read("held-out.bin", a.length)[:64], read("long.bin", 3 * a.length)
    vocabulary = len(json.load(open(os.path.join(a.data, "vocabulary.json")))["tokens"])
    model = Model(vocabulary)
    if a.resume:
        load(model, os.path.join(a.data, "checkpoint.bin"))
    every = list(model.weights.values())
    print(f"{sum(p.numel() for p in every)} parameters, {len(train)} rows of {a.length}", flush=True)
    optimizer = torch.optim.AdamW([
        {"params": [p for p in every if p.dim() > 1], "weight_decay": 0.1},
        {"params": [p for p in every if p.dim() == 1], "weight_decay": 0.0}], lr=a.rate, betas=(0.9, 0.95))
    began, order = time.time(), torch.randperm(len(train))
    for step in range(a.steps):
        if step % 8 == 7:  # every eighth step reads long conversations
            rows = long[torch.randint(len(long), (a.batch // 3,))]
        else:
            at = step * a.batch % (len(train) - a.batch)
            rows = train[order[at:at + a.batch]]
        rate = a.rate * min((step + 1) / 100, 0.02 + 0.98 * (1 + math.cos(math.pi * step / a.steps)) / 2)
        for group in optimizer.param_groups:
            group["lr"] = rate
        loss = model.loss(rows)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(every, 1.0)
        optimizer.step()
        if step % 50 == 0:
            seconds = time.time() - began
            print(f"step {step} loss {loss.item():.4f} {(step + 1) * a.batch * (a.length - 1) / max(seconds, 1e-9):.0f} tokens/s {seconds / 60:.1f} min", flush=True)
        if step % 200 == 199 or step == a.steps - 1:
            with torch.no_grad():
                held = model.loss(held_out).item()
            print(f"step {step + 1} held-out loss {held:.4f}", flush=True)
            save(model, os.path.join(a.data, "checkpoint.bin"), {"steps": step + 1, "loss": round(loss.item(), 4), "heldOutLoss": round(held, 4), "minutes": round((time.time() - began) / 60, 1)})


main()
