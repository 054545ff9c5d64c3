"""How fast the shipped embedding is: `OMP_NUM_THREADS=1 RAYON_NUM_THREADS=1 python benchmarks/embedding_speed.py [--embedding NAME]`."""

import argparse
import time

from memory.embed import SHIPPED_MODEL, load_embedder

TEXTS = (
    "到黄山了 腿都断了",
    "明天下午三点老地方见，别迟到",
    "我妈说周末包饺子，你来不来",
    "Did you book the tickets for Saturday?",
    "哈哈哈哈哈笑死",
)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--embedding")
    arguments = parser.parse_args()
    started = time.perf_counter()
    embedder = load_embedder(arguments.embedding)
    loaded = time.perf_counter() - started
    texts = [f"{text} {number}" for number in range(4_000) for text in TEXTS][: 20_000 if arguments.embedding is None else 500]
    started = time.perf_counter()
    embedder.encode(texts)
    rate = len(texts) / (time.perf_counter() - started)
    started = time.perf_counter()
    for text in texts[:200]:
        embedder.encode([text])
    single = (time.perf_counter() - started) / 200
    size = sum(path.stat().st_size for path in SHIPPED_MODEL.rglob("*") if path.is_file()) / 1e6
    print(f"loaded in {loaded:.2f} s; {rate:,.0f} texts/s; one text {1000 * single:.2f} ms; the shipped folder is {size:.1f} MB")


if __name__ == "__main__":
    main()
